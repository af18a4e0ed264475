// Embedding, backward: grad_table[v, d] = sum over n with clamp(indices[n], 0, V - 1) = v of grad[n, d].
//
// One invocation owns one element of the table's gradient and looks at all N indices, in order: nothing is added
// from two places, so there are no atomics and the sum has one order. V * N index reads look wasteful, but the
// lanes of a row of the table read the same index at the same time, from a cache, and for class labels N is a batch.
// Invocation i -> row i / D, channel i % D. No workgroup memory, no barrier.
// For large V * N: sort the indices first, and let each row walk its own stretch.
override workgroup_size: u32 = 64;
override rows: u32;   // V
override width: u32;  // D
override count: u32;  // N
override size: u32;   // V * D

@group(0) @binding(0) var<storage, read> grad: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> grad_table: array<f32>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= size) { return; }
  let row = i32(i / width);
  let channel = i % width;
  var sum = 0.0;
  for (var n = 0u; n < count; n++) {
    if (clamp(indices[n], 0, i32(rows) - 1) == row) { sum += grad[n * width + channel]; }
  }
  grad_table[i] = sum;
}
