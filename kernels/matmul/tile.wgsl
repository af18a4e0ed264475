// The register tile that all matmuls share: 64 invocations hold TILE_M x 64 sums, ROWS x 8 each.
// Mapping: invocation (y, x) of 8 x 8 owns rows y * ROWS.. and columns 4x..4x+3 and 32+4x..32+4x+3, so that the
//   vectors that a row of invocations reads and writes are neighbours.
// Workgroup memory: 16 steps of k of both operands, k-major: 4 (3 with ROWS 4) vector loads feed 64 (32) multiply-adds.
// Filling: each invocation moves a 4 x 4 block of A and one of B, four elements a load along the stored row, and
//   transposes it in registers where k runs along that row. Beyond the limits the tiles hold zeros.
// Barriers: in add_products(), so that it must be called in uniform control flow.
// TRANS_A and TRANS_B stand in front of this text: whether an operand is stored transposed.
const INVOCATIONS = 64u;
const TILE_M = 8u * ROWS;
const TILE_K = 16u;
/// Groups of four columns that a lane has; the sums of a row lie side by side.
const GROUPS = 2u;
const BLOCKS_A = TILE_M / 4u;
const BLOCKS_B = TILE_N / 4u;

var<workgroup> tile_a: array<vec4f, TILE_K * BLOCKS_A>;
var<workgroup> tile_b: array<vec4f, TILE_K * BLOCKS_B>;

/// Place of a lane's 4 x 4 block, (line, k): neighbours in storage go to neighbouring lanes.
fn block_place(lane: u32, blocks: u32, k_is_row: bool) -> vec2u {
  if (k_is_row) { return 4u * vec2u(lane % blocks, lane / blocks); }
  return 4u * vec2u(lane / 4u, lane % 4u);
}

fn row_of_a(x: Operand, place: vec2u, i: u32) -> vec4f {
  let row = select(place.x, place.y, TRANS_A) + i;
  let column = select(place.y, place.x, TRANS_A);
  let rows = select(x.lines, x.depth, TRANS_A);
  let columns = select(x.depth, x.lines, TRANS_A);
  return read_a(x.base + row * x.stride + column, select(0u, remaining(columns, column), row < rows));
}

fn row_of_b(x: Operand, place: vec2u, i: u32) -> vec4f {
  let row = select(place.y, place.x, TRANS_B) + i;
  let column = select(place.x, place.y, TRANS_B);
  let rows = select(x.depth, x.lines, TRANS_B);
  let columns = select(x.lines, x.depth, TRANS_B);
  return read_b(x.base + row * x.stride + column, select(0u, remaining(columns, column), row < rows));
}

/// Loads the tiles at row `i` of op(A), column `j` of op(B) and step `k`.
fn fill_tiles(lane: u32, x: Operand, i: u32, y: Operand, j: u32, k: u32) {
  if (lane < BLOCKS_A * 4u) {
    let inside = block_place(lane, BLOCKS_A, TRANS_A);
    let place = inside + vec2u(i, k);
    var block = mat4x4f(row_of_a(x, place, 0u), row_of_a(x, place, 1u), row_of_a(x, place, 2u), row_of_a(x, place, 3u));
    if (!TRANS_A) { block = transpose(block); }
    let to = inside.y * BLOCKS_A + inside.x / 4u;
    tile_a[to] = block[0];
    tile_a[to + BLOCKS_A] = block[1];
    tile_a[to + 2u * BLOCKS_A] = block[2];
    tile_a[to + 3u * BLOCKS_A] = block[3];
  }
  let inside = block_place(lane, BLOCKS_B, !TRANS_B);
  let place = inside + vec2u(j, k);
  var block = mat4x4f(row_of_b(y, place, 0u), row_of_b(y, place, 1u), row_of_b(y, place, 2u), row_of_b(y, place, 3u));
  if (TRANS_B) { block = transpose(block); }
  let to = inside.y * BLOCKS_B + inside.x / 4u;
  tile_b[to] = block[0];
  tile_b[to + BLOCKS_B] = block[1];
  tile_b[to + 2u * BLOCKS_B] = block[2];
  tile_b[to + 3u * BLOCKS_B] = block[3];
}

/// Adds the product of the tiles to the sums of a lane.
fn multiply_tiles(lane: u32, sums: ptr<function, array<vec4f, SUMS>>) {
  let y = lane / 8u * (ROWS / 4u);
  let x = lane % 8u;
  for (var k = 0u; k < TILE_K; k++) {
    let b0 = tile_b[k * BLOCKS_B + x];
    let b1 = tile_b[k * BLOCKS_B + x + 8u];
    for (var r = 0u; r < ROWS / 4u; r++) {
      let values = tile_a[k * BLOCKS_A + y + r];
      (*sums)[8u * r] += values.x * b0;
      (*sums)[8u * r + 1u] += values.x * b1;
      (*sums)[8u * r + 2u] += values.y * b0;
      (*sums)[8u * r + 3u] += values.y * b1;
      (*sums)[8u * r + 4u] += values.z * b0;
      (*sums)[8u * r + 5u] += values.z * b1;
      (*sums)[8u * r + 6u] += values.w * b0;
      (*sums)[8u * r + 7u] += values.w * b1;
    }
  }
}

/// Adds the products of k from `first` to `last` to the sums of a lane, for the tile at row `i` and column `j`.
/// Barriers: after the tiles are filled, and before the next ones overwrite them.
fn add_products(lane: u32, sums: ptr<function, array<vec4f, SUMS>>,
                x: Operand, i: u32, y: Operand, j: u32, first: u32, last: u32) {
  lines = vec4f();
  for (var k = first; k < last; k += TILE_K) {
    fill_tiles(lane, x, i, y, j, k);
    workgroupBarrier();
    multiply_tiles(lane, sums);
    if (sum_lines && lane < BLOCKS_A) {
      for (var step = 0u; step < TILE_K; step++) { lines += tile_a[step * BLOCKS_A + lane]; }
    }
    workgroupBarrier();
  }
}

/// Row and first column inside the tile of the four sums `s` of a lane.
fn place_of_sums(lane: u32, s: u32) -> vec2u {
  return vec2u(lane / 8u * ROWS + s / 2u, lane % 8u * 4u + s % 2u * 32u);
}

/// First row inside the tile of the four that a lane has in `lines`; TILE_M where it has none.
fn row_of_lines(lane: u32) -> u32 {
  return select(TILE_M, 4u * lane, lane < BLOCKS_A);
}
