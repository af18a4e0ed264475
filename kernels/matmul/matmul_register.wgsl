// C[b, i, j] = sum over k of op(A)[b, i, k] op(B)[b, k, j] + bias[j]. After the text of tile.ts.
// Mapping: a workgroup is a TILE_M x 64 tile of C, held in registers as tile.wgsl or tile_subgroup.wgsl says, which
//   also own workgroup memory and barriers. In tile.wgsl every value from storage is used 64 times.
// Splits: where C has too few tiles to fill a GPU, k is cut into SPLITS ranges of DEPTH steps; c is then
//   f32[SPLITS, BATCH, M, N], and matmul_sum.wgsl adds it up in order.
// Next: subgroup matrices when WebGPU has them.
override M: u32;
override N: u32;
override K: u32;
override BATCH: u32;
override SPLITS: u32;
override DEPTH: u32;
override BIAS: bool;

@group(0) @binding(3) var<storage, read> bias: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let rows = (M + TILE_M - 1u) / TILE_M;
  let columns = (N + TILE_N - 1u) / TILE_N;
  let item = group / (rows * columns);
  if (item >= SPLITS * BATCH) { return; }
  let batch = item % BATCH;
  let first = item / BATCH * DEPTH;
  let last = min(K, first + DEPTH);
  let i = group / columns % rows * TILE_M;
  let j = group % columns * TILE_N;
  let x = Operand(batch * M * K, select(K, M, TRANS_A), M, last);
  let y = Operand(batch * K * N, select(N, K, TRANS_B), N, last);
  var sums = array<vec4f, SUMS>();
  if (BIAS && item < BATCH) {
    // Every row has the same: it is read once for each group of columns.
    for (var group = 0u; group < GROUPS; group++) { sums[group] = bias_of(j + place_of_sums(lane, group).y); }
    for (var s = GROUPS; s < SUMS; s++) { sums[s] = sums[s % GROUPS]; }
  }
  add_products(lane, &sums, x, i, y, j, first, last);
  for (var s = 0u; s < SUMS; s++) {
    let place = vec2u(i, j) + place_of_sums(lane, s);
    write_c((item * M + place.x) * N + place.y, select(0u, remaining(N, place.y), place.x < M), sums[s]);
  }
}

fn bias_of(column: u32) -> vec4f {
  return vec4f(bias[column], bias[column + 1u], bias[column + 2u], bias[column + 3u]);
}
