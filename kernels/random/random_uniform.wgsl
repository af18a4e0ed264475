// Uniform: y[i] = (word i >> 8) * 2^-24, both steps exact in f32.
//
// One invocation makes one block of Philox, four elements: invocation b -> elements 4 b to 4 b + 3, without those
// beyond the end. No workgroup memory, no barrier.
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = (group.x + group.y * groups.x) * workgroup_size + lane;
  let first = 4u * block;
  if (first >= size) { return; }
  let words = random_words(block);
  for (var k = 0u; k < min(4u, size - first); k++) {
    y[first + k] = f32(words[k] >> 8u) * 0x1p-24f;
  }
}
