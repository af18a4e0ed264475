// partial[g] (+)= sum of x^2 over the elements of workgroup g, of several tensors at once; one launch after the other.
// Workgroup g of WORKGROUPS: elements g * 256 + l of each tensor, then every 256 * WORKGROUPS further. Lane l: one of
//   256 sums. The header declares the tensors and squares_from(first, step), which adds them up in their order.
// Workgroup memory: the 256 sums, added by a tree. Barriers: one a level.
// Launches of one pass run in order, so `partial` grows in the order of the tensors: the same bits each run.
// Next: 16-byte loads.
const LANES = 256u;
override WORKGROUPS: u32;
override FIRST: bool; // nothing is in `partial` yet
@group(0) @binding(0) var<storage, read_write> partial: array<f32>;
var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  sums[lane] = squares_from(group.x * LANES + lane, LANES * WORKGROUPS);
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { partial[group.x] = select(partial[group.x], 0.0, FIRST) + sums[0]; }
}
