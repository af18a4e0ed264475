// partial[g] += sum of x^2 over the elements of workgroup g; one launch a tensor, one after the other.
// Workgroup g of WORKGROUPS: elements g * 256 + l, then every 256 * WORKGROUPS further. Lane l: one of 256 sums.
// Workgroup memory: the 256 sums, added by a tree. Barriers: one a level.
// Launches of one pass run in order, so `partial` grows in the order of the tensors: the same bits each run.
// Next: 16-byte loads; one launch for all small tensors together.
const LANES = 256u;
override SIZE: u32;
override WORKGROUPS: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;
var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = group.x * LANES + lane; i < SIZE; i += LANES * WORKGROUPS) { sum += x[i] * x[i]; }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { partial[group.x] += sums[0]; }
}
