// weights[t, k] = sum over d of grad[t, d] * y[row[t, k], d].
// Workgroup p: pair p = t * K + k. Lane l: channels l, l + 64, ... into one register, then a tree over 64 lanes.
// Workgroup memory: 64 partial sums. Barriers: one a level of the tree, since a level reads the one before.
// The tree is the same in every run, so the sum is too.
// Next: subgroup sums for the last five levels; one workgroup for all K pairs of a token reads grad once.
override PAIRS: u32;
override K: u32;
override D: u32;
@group(0) @binding(0) var<storage, read> grad: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> row: array<i32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let pair = group.x + group.y * groups.x;
  if (pair >= PAIRS) { return; }
  let token = pair / K * D;
  let expert = u32(row[pair]) * D;
  var sum = 0.0;
  for (var d = lane; d < D; d += 64u) { sum += grad[token + d] * y[expert + d]; }
  partial[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (lane < half) { partial[lane] += partial[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { weights[pair] = partial[0]; }
}
