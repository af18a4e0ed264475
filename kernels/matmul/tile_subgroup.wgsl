// The register tile of tile.wgsl without workgroup memory: lanes of a subgroup read each other's registers.
// Mapping: LANES invocations own a strip of LANES rows and all 64 columns. A lane loads four steps of k of one row of A
//   (or four rows of one step, where A is stored transposed), which the others get by broadcasts, and keeps to its own
//   columns of B: groups of four, every second one 32 columns behind the one before.
// Software adapters move the lanes of a load one by one, and a broadcast is one instruction there.
// Control flow: add_products() must be called in uniform control flow, as broadcasts want all lanes.
// In front of this text stand LANES, SUMS, TRANS_A, TRANS_B and memory with read_a() and read_b(); behind it, written out
//   since the lane of a broadcast is a literal, add_strip(), the products of four steps of k, and sum_steps().
const INVOCATIONS = 8u * ROWS;
const TILE_M = INVOCATIONS;
const TILE_K = 4u;
/// Groups of four columns that a lane has; the sums of a row lie side by side.
const GROUPS = TILE_N / 4u / LANES;
/// Lanes that hold one step of k where A is stored transposed.
const LANES_OF_STEP = LANES / 4u;

/// First column of a lane's group in the tile.
fn column_of(lane: u32, group: u32) -> u32 {
  return group % 2u * 32u + group / 2u * 4u * LANES + lane % LANES * 4u;
}

/// What a lane holds of the strip of A from row `i` on: four neighbours of a stored row.
fn load_strip(lane: u32, x: Operand, i: u32, k: u32) -> vec4f {
  if (TRANS_A) {
    let row = i + lane % LANES_OF_STEP * 4u;
    let step = k + lane / LANES_OF_STEP;
    return read_a(x.base + step * x.stride + row, select(0u, remaining(x.lines, row), step < x.depth));
  }
  let row = i + lane;
  return read_a(x.base + row * x.stride + k, select(0u, remaining(x.depth, k), row < x.lines));
}

/// Four columns of op(B) from `j` on, at four steps of k.
fn load_columns(y: Operand, j: u32, k: u32) -> mat4x4f {
  let rows = select(vec4u(k, y.depth, j, y.lines), vec4u(j, y.lines, k, y.depth), TRANS_B);
  let at = y.base + rows.x * y.stride + rows.z;
  let count = remaining(rows.w, rows.z);
  let loaded = mat4x4f(
    read_b(at, select(0u, count, rows.x < rows.y)),
    read_b(at + y.stride, select(0u, count, rows.x + 1u < rows.y)),
    read_b(at + 2u * y.stride, select(0u, count, rows.x + 2u < rows.y)),
    read_b(at + 3u * y.stride, select(0u, count, rows.x + 3u < rows.y)),
  );
  if (TRANS_B) { return transpose(loaded); }
  return loaded;
}

/// Adds the products of k from `first` to `last` to the sums of a lane, for the tile at row `i` and column `j`.
fn add_products(lane: u32, sums: ptr<function, array<vec4f, SUMS>>,
                x: Operand, i: u32, y: Operand, j: u32, first: u32, last: u32) {
  let row = i + lane / LANES * LANES;
  var of_lane = vec4f();
  for (var k = first; k < last; k += TILE_K) {
    let strip = load_strip(lane % LANES, x, row, k);
    if (sum_lines) { of_lane += strip; }
    add_strip(strip, lane, y, j, k, sums);
  }
  lines = sum_steps(of_lane, lane % LANES_OF_STEP);
}

/// Row and first column inside the tile of the four sums `s` of a lane.
fn place_of_sums(lane: u32, s: u32) -> vec2u {
  return vec2u(lane / LANES * LANES + s / GROUPS, column_of(lane, s % GROUPS));
}

/// First row inside the tile of the four that a lane has in `lines`; TILE_M where it has none.
fn row_of_lines(lane: u32) -> u32 {
  return select(TILE_M, lane / LANES * LANES + lane % LANES * 4u, lane % LANES < LANES_OF_STEP);
}
