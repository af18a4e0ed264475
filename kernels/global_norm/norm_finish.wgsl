// norm = sqrt(sum of partial). One workgroup. Lane l: partial sum l of WORKGROUPS, at most 256.
// Workgroup memory: the partial sums, added by a tree. Barriers: one a level.
// Next: nothing; it handles one kilobyte.
const LANES = 256u;
override WORKGROUPS: u32;
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  sums[lane] = 0.0;
  if (lane < WORKGROUPS) { sums[lane] = partial[lane]; }
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { norm[0] = sqrt(sums[0]); }
}
