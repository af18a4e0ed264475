// `clear`: partial = 0, before the tensors. `finish`: norm = sqrt(sum of partial), after them.
// One workgroup each. Lane l: partial sum l of 256.
// Workgroup memory: the partial sums, added by a tree. Barriers: one a level.
// Next: nothing; both handle one kilobyte.
const LANES = 256u;
@group(0) @binding(0) var<storage, read_write> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn clear(@builtin(local_invocation_index) lane: u32) {
  partial[lane] = 0.0;
}

@compute @workgroup_size(LANES)
fn finish(@builtin(local_invocation_index) lane: u32) {
  sums[lane] = partial[lane];
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { norm[0] = sqrt(sums[0]); }
}
