// b_e += RATE * sign(mean(c) - c_e), then b -= mean(b). Nothing where gate < 0.
// One workgroup. Lane l: experts l, l + 256, ... The sign comes from total - c_e * E in integers: no rounding.
// Workgroup memory: 256 partial sums, for the counts and then for the biases (a fixed tree: the same bits each run).
// Barriers: one a level of each tree, one between the trees, since the first one's result is read before refilling.
// Next: nothing; the kernel moves a few hundred bytes once a step.
const LANES = 256u;
override EXPERTS: u32;
override RATE: f32;
@group(0) @binding(0) var<storage, read_write> bias: array<f32>;
@group(0) @binding(1) var<storage, read> counts: array<i32>;
@group(0) @binding(2) var<storage, read> gate: array<f32>;
var<workgroup> totals: array<i32, LANES>;
var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (gate[0] < 0.0) { return; }
  var total = 0;
  for (var e = lane; e < EXPERTS; e += LANES) { total += counts[e]; }
  totals[lane] = total;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { totals[lane] += totals[lane + half]; }
    workgroupBarrier();
  }
  var sum = 0.0;
  for (var e = lane; e < EXPERTS; e += LANES) {
    let moved = bias[e] + RATE * f32(sign(totals[0] - counts[e] * i32(EXPERTS)));
    bias[e] = moved;
    sum += moved;
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  let mean = sums[0] / f32(EXPERTS);
  for (var e = lane; e < EXPERTS; e += LANES) { bias[e] -= mean; }
}
