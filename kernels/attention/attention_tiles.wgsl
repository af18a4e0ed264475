// Two tile products that the flash kernels are made of, on a workgroup of 8 x 8 lanes, TILE = 8 ROWS:
//   scores[TILE, KEYS] = A[TILE, D] B[KEYS, D]^T      result in registers, ROWS x 4 a lane
//   sums[TILE, D]     += weights[TILE, KEYS] B[KEYS, D]   result in registers, ROWS x 2 for each chunk a lane
// Lane (y, x) owns rows y + 8 r and columns x + 8 c, so that lanes of one x read one shared column.
// Operands pass through workgroup memory in chunks of 16 channels (rows 17 apart: no bank conflicts), which keeps
// its size independent of D. Barriers stand before a tile is overwritten and after it is filled.
// A kernel file defines `element(operand, b, head, n, d)`; the header defines HEAD_DIM and ROWS.
const LANES = 64u;
const SIDE = 8u;
const KEYS = 32u;
const COLUMNS = KEYS / SIDE;
const TILE = SIDE * ROWS;
const CHUNK = 16u;
const CHUNKS = (HEAD_DIM + CHUNK - 1u) / CHUNK;
const SHARE = CHUNK / SIDE;
const STEP = CHUNK + 1u;
const WEIGHT_STEP = KEYS + 1u;

alias Scores = array<f32, ROWS * COLUMNS>;
alias Sums = array<f32, ROWS * SHARE * CHUNKS>;

var<workgroup> row_tile: array<f32, TILE * STEP>;
var<workgroup> column_tile: array<f32, KEYS * STEP>;
var<workgroup> weights: array<f32, TILE * WEIGHT_STEP>;

/// An operand's element, 0 outside of the tensor.
fn padded(operand: u32, b: u32, head: u32, n: u32, d: u32) -> f32 {
  if (n >= tokens || d >= HEAD_DIM) { return 0.0; }
  return element(operand, b, head, n, d);
}

fn load_columns(operand: u32, b: u32, head: u32, first: u32, chunk: u32, lane: u32) {
  for (var i = lane; i < KEYS * CHUNK; i += LANES) {
    let row = i / CHUNK;
    column_tile[row * STEP + i % CHUNK] = padded(operand, b, head, first + row, chunk * CHUNK + i % CHUNK);
  }
}

fn load_rows(operand: u32, b: u32, head: u32, first: u32, chunk: u32, lane: u32) {
  for (var i = lane; i < TILE * CHUNK; i += LANES) {
    let row = i / CHUNK;
    row_tile[row * STEP + i % CHUNK] = padded(operand, b, head, first + row, chunk * CHUNK + i % CHUNK);
  }
}

/// Products of the rows of two operands, from `first_row` and `first_column` on.
fn tile_scores(row_operand: u32, first_row: u32, column_operand: u32, first_column: u32,
               b: u32, head: u32, lane: u32) -> Scores {
  var scores: Scores;
  for (var chunk = 0u; chunk < CHUNKS; chunk++) {
    workgroupBarrier();
    load_rows(row_operand, b, head, first_row, chunk, lane);
    load_columns(column_operand, b, head, first_column, chunk, lane);
    workgroupBarrier();
    for (var d = 0u; d < CHUNK; d++) {
      var columns: array<f32, COLUMNS>;
      for (var c = 0u; c < COLUMNS; c++) { columns[c] = column_tile[(lane % SIDE + SIDE * c) * STEP + d]; }
      for (var r = 0u; r < ROWS; r++) {
        let own = row_tile[(lane / SIDE + SIDE * r) * STEP + d];
        for (var c = 0u; c < COLUMNS; c++) { scores[r * COLUMNS + c] += own * columns[c]; }
      }
    }
  }
  return scores;
}

/// Adds `weights` times an operand's rows from `first` on; `weights` may be written just before.
fn add_weighted(sums: ptr<function, Sums>, operand: u32, first: u32, b: u32, head: u32, lane: u32) {
  for (var chunk = 0u; chunk < CHUNKS; chunk++) {
    workgroupBarrier();
    load_columns(operand, b, head, first, chunk, lane);
    workgroupBarrier();
    for (var j = 0u; j < KEYS; j++) {
      for (var r = 0u; r < ROWS; r++) {
        let weight = weights[(lane / SIDE + SIDE * r) * WEIGHT_STEP + j];
        for (var c = 0u; c < SHARE; c++) {
          (*sums)[(chunk * ROWS + r) * SHARE + c] += weight * column_tile[j * STEP + lane % SIDE + SIDE * c];
        }
      }
    }
  }
}
