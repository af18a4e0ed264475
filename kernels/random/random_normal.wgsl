// Normal: y[i] = icdf(word i), the inverse distribution function by a table and linear interpolation, in integers.
//
// Bit 31 of the word is the sign, the others the tail probability: its leading one chooses the octave of the table,
// the next 8 bits the segment, the next 16 the place inside (see engine/core/normal.ts). z is in units of 2^-20 and
// below 2^23, so that the conversion and the last product are exact in f32.
// One invocation makes one block of Philox, four elements: invocation b -> elements 4 b to 4 b + 3, without those
// beyond the end. No workgroup memory, no barrier; the table (32 KiB) is read through the cache.
@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn normal_from_bits(bits: u32) -> f32 {
  let tail = (bits << 1u) | 1u;
  let octave = countLeadingZeros(tail);
  let normalized = tail << octave;
  let segment = ((31u - octave) << 8u) | ((normalized >> 23u) & 255u);
  let fraction = i32((normalized >> 7u) & 65535u);
  let start = table[segment];
  let z = start + (((table[segment + 1u] - start) * fraction) >> 16u);
  return f32(select(z, -z, (bits >> 31u) != 0u)) * 0x1p-20f;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = (group.x + group.y * groups.x) * workgroup_size + lane;
  let first = 4u * block;
  if (first >= size) { return; }
  let words = random_words(block);
  for (var k = 0u; k < min(4u, size - first); k++) {
    y[first + k] = normal_from_bits(words[k]);
  }
}
