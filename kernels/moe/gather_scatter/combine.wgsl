// tokens[t, d] = first(t, d) + sum over k of weights[t, k] * y[row[t, k], d], k ascending. first(), zero or another
// input, comes from the generated header.
// Workgroup t: token t. Lane l: channels l, l + 64, ... The sum stays in a register; its order is fixed.
// Every token reads its own K rows, so that nothing is added in memory and no atomics are needed.
// No workgroup memory, no barriers.
// Next: 16-byte loads where D is a multiple of 4.
override T: u32;
override K: u32;
override D: u32;
@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> row: array<i32>;
@group(0) @binding(3) var<storage, read_write> tokens: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let t = group.x + group.y * groups.x;
  if (t >= T) { return; }
  for (var d = lane; d < D; d += 64u) {
    var sum = first(t * D + d);
    for (var k = 0u; k < K; k++) { sum += weights[t * K + k] * y[u32(row[t * K + k]) * D + d]; }
    tokens[t * D + d] = sum;
  }
}
