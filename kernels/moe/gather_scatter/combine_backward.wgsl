// rows[r, d] = weights[p] * grad[t, d] and d_weights[p] = sum over d of grad[t, d] * y[r, d] for the pair p = (t, k) and
// its row r; rows of no pair are zero, and so is the weight of a pair whose row is not its own (expert choice).
// Workgroup t < T: token t, whose gradient serves all its K pairs. Workgroup T + r: row r, which it fills if it is padding.
// Lane l: channels l, l + 64, ... into one register, then a tree over 64 lanes.
// Workgroup memory: 64 partial sums. Barriers: one a level of the tree, since a level reads the one before.
// The tree is the same in every run, so the sum is too.
// Next: subgroup sums for the last five levels; 16-byte loads where D is a multiple of 4.
override T: u32;
override R: u32;
override K: u32;
override D: u32;
@group(0) @binding(0) var<storage, read> grad: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> row: array<i32>;
@group(0) @binding(4) var<storage, read> slot: array<i32>;
@group(0) @binding(5) var<storage, read_write> rows: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_weights: array<f32>;
var<workgroup> partial: array<f32, 64>;

fn handle_pair(pair: u32, lane: u32) {
  let r = u32(row[pair]);
  if (slot[r] != i32(pair)) {
    if (lane == 0u) { d_weights[pair] = 0.0; }
    return;
  }
  let weight = weights[pair];
  var sum = 0.0;
  for (var d = lane; d < D; d += 64u) {
    let g = grad[pair / K * D + d];
    rows[r * D + d] = weight * g;
    sum += g * y[r * D + d];
  }
  partial[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (lane < half) { partial[lane] += partial[lane + half]; }
    workgroupBarrier();
  }
  if (lane == 0u) { d_weights[pair] = partial[0]; }
  workgroupBarrier();
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let item = group.x + group.y * groups.x;
  if (item >= T + R) { return; }
  if (item < T) {
    for (var k = 0u; k < K; k++) { handle_pair(item * K + k, lane); }
  } else if (slot[item - T] < 0) {
    for (var d = lane; d < D; d += 64u) { rows[(item - T) * D + d] = 0.0; }
  }
}
