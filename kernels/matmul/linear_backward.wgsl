// dW = g^T x, db[n] = sum over rows of g[row, n], dx = g W + before: the gradients of y = x W^T + b in one launch.
// After the generated memory (read_g, read_inputs, .. write_db) and tile.wgsl, whose TRANS_A is a variable here.
// Mapping: the first SPLITS * tiles workgroups make 64-wide tiles of dW, whose sums run over all rows, the others tiles
//   of dx, whose sums are short: these fill the GPU while the first are still at work.
// Workgroup memory and barriers: as in matmul_register.wgsl; the kind of tile is the same for a whole workgroup.
// Bias: workgroups of the first column add up what they load of g anyway, in the order of the rows.
// Splits: rows in SPLITS ranges of DEPTH, added up in order by linear_backward_sum.wgsl.
// Chains: of CHAIN rows, whose sums are added to those in memory: a longer sum would lose digits.
override T: u32;
override N: u32;
override K: u32;
override SPLITS: u32;
override DEPTH: u32;
override CHAIN: u32;

fn weight_tile(lane: u32, split: u32, i: u32, j: u32) {
  TRANS_A = true;
  sum_lines = BIAS && j == 0u;
  let last = min(T, split * DEPTH + DEPTH);
  var bias = vec4f();
  for (var first = split * DEPTH; first < last; first += CHAIN) {
    let end = min(last, first + CHAIN);
    var sums = array<vec4f, SUMS>();
    add_products(lane, &sums, Operand(0u, N, N, end), i, Operand(0u, K, K, end), j, first, end);
    bias += lines;
    for (var s = 0u; s < SUMS; s++) {
      let place = vec2u(i, j) + place_of_sums(lane, s);
      let at = (split * N + place.x) * K + place.y;
      let count = select(0u, remaining(K, place.y), place.x < N);
      // What an invocation adds to is what it wrote itself.
      if (DEPTH > CHAIN && first > split * DEPTH) { sums[s] += read_dw(at, count); }
      write_dw(at, count, sums[s]);
    }
  }
  let line = row_of_lines(lane);
  if (j == 0u && line < TILE_M) {
    write_db(split * N + i + line, remaining(N, i + line), bias);
  }
}

fn input_tile(lane: u32, i: u32, j: u32) {
  TRANS_A = false;
  var sums = array<vec4f, SUMS>();
  let left = Operand(0u, N, T, N);
  let right = Operand(0u, K, K, N);
  add_products(lane, &sums, left, i, right, j, 0u, N);
  for (var s = 0u; s < SUMS; s++) {
    let place = vec2u(i, j) + place_of_sums(lane, s);
    let count = select(0u, remaining(K, place.y), place.x < T);
    let at = place.x * K + place.y;
    write_dx(at, count, sums[s] + read_before(at, count));
  }
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let columns = (K + TILE_N - 1u) / TILE_N;
  let j = group % columns * TILE_N;
  let rows = (N + TILE_M - 1u) / TILE_M;
  let row = group / columns;
  if (row < SPLITS * rows) {
    weight_tile(lane, row / rows, row % rows * TILE_M, j);
    return;
  }
  let i = (row - SPLITS * rows) * TILE_M;
  if (INPUT && i < T) { input_tile(lane, i, j); }
}
