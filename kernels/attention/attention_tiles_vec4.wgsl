// Two tile products that the vectorised flash kernels are made of, on a workgroup of 8 x 8 lanes:
//   scores[TILE, OTHERS] += A[TILE, D] B[OTHERS, D]^T         ROWS x COLUMNS registers a lane
//   sums[TILE, D]        += weights[TILE, OTHERS] B[OTHERS, D]   ROWS x 4 GROUPS registers a lane
// Workgroup memory holds both operands k-major, so that a step of the sums is a few vector loads and ROWS x COLUMNS
// multiply-adds: `left` [channel or column][row], `right` [channel][column] or [column][channel]. It is filled in
// chunks of 4 DEPTH channels, transposed in registers, and in slices of 8 PART columns. Lines of `left` and of the
// transposed `right` are an odd number of vectors apart, which spreads them over the banks.
// Barriers: after memory is filled, and before it is filled again.
// A kernel file defines `vector(operand, b, head, n, d)` and `store(result, b, head, n, d, x)`; the header defines
// WIDTH, the counts of registers, DEPTH, PART and the sizes of `left` and `right`.
const LANES = 64u;
const SIDE = 8u;
const TILE = SIDE * ROWS;
const OTHERS = SIDE * COLUMNS;
const COLUMN_VECTORS = COLUMNS / 4u;
const LEFT_STEP = TILE / 4u + 1u;
const RIGHT_STEP = OTHERS / 4u + 1u;
const SLICE = SIDE * PART;

var<workgroup> left: array<vec4f, LEFT_SIZE>;
var<workgroup> right: array<vec4f, RIGHT_SIZE>;
var<workgroup> shares: array<vec4f, SIDE * TILE / 4u>;   // [lane of the row][row / 4]

/// Four channels of an operand, 0 outside of the tensor.
fn padded(operand: u32, b: u32, head: u32, n: u32, d: u32) -> vec4f {
  if (n >= tokens || d >= WIDTH) { return vec4f(); }
  return vector(operand, b, head, n, d);
}

/// Four channels of the positions n, n + step, n + 2 step and n + 3 step, channel by channel.
fn transposed(operand: u32, b: u32, head: u32, n: u32, step: u32, d: u32) -> mat4x4f {
  return transpose(mat4x4f(
    padded(operand, b, head, n, d), padded(operand, b, head, n + step, d),
    padded(operand, b, head, n + 2u * step, d), padded(operand, b, head, n + 3u * step, d)));
}

fn fill_left(operand: u32, b: u32, head: u32, first: u32, chunk: u32, lane: u32) {
  for (var i = lane; i < TILE / 4u * DEPTH; i += LANES) {
    let rows = i / DEPTH;
    let channels = transposed(operand, b, head, first + 4u * rows, 1u, chunk + i % DEPTH);
    let to = i % DEPTH * 4u * LEFT_STEP + rows;
    left[to] = channels[0];
    left[to + LEFT_STEP] = channels[1];
    left[to + 2u * LEFT_STEP] = channels[2];
    left[to + 3u * LEFT_STEP] = channels[3];
  }
}

fn fill_right(operand: u32, b: u32, head: u32, first: u32, chunk: u32, lane: u32) {
  for (var i = lane; i < OTHERS / 4u * DEPTH; i += LANES) {
    let columns = i / DEPTH;
    let n = first + columns / SIDE * 4u * SIDE + columns % SIDE;
    let channels = transposed(operand, b, head, n, SIDE, chunk + i % DEPTH);
    let to = i % DEPTH * 4u * RIGHT_STEP + columns;
    right[to] = channels[0];
    right[to + RIGHT_STEP] = channels[1];
    right[to + 2u * RIGHT_STEP] = channels[2];
    right[to + 3u * RIGHT_STEP] = channels[3];
  }
}

fn multiply_chunk(scores: ptr<function, Scores>, lane: u32) {
  for (var d = 0u; d < 4u * DEPTH; d++) {
    var columns: array<vec4f, COLUMN_VECTORS>;
    for (var c = 0u; c < COLUMN_VECTORS; c++) { columns[c] = right[d * RIGHT_STEP + lane % SIDE + SIDE * c]; }
    for (var r = 0u; r < ROW_VECTORS; r++) {
      let row = left[d * LEFT_STEP + lane / SIDE * ROW_VECTORS + r];
      for (var c = 0u; c < COLUMN_VECTORS; c++) {
        (*scores)[4u * c * ROW_VECTORS + r] += row * columns[c].x;
        (*scores)[(4u * c + 1u) * ROW_VECTORS + r] += row * columns[c].y;
        (*scores)[(4u * c + 2u) * ROW_VECTORS + r] += row * columns[c].z;
        (*scores)[(4u * c + 3u) * ROW_VECTORS + r] += row * columns[c].w;
      }
    }
  }
}

/// Adds the products of the rows of two operands, from `first_row` and `first_column` on.
fn add_scores(scores: ptr<function, Scores>, row_operand: u32, first_row: u32, column_operand: u32,
              first_column: u32, b: u32, head: u32, lane: u32) {
  for (var chunk = 0u; chunk < WIDTH; chunk += DEPTH) {
    fill_left(row_operand, b, head, first_row, chunk, lane);
    fill_right(column_operand, b, head, first_column, chunk, lane);
    workgroupBarrier();
    multiply_chunk(scores, lane);
    workgroupBarrier();
  }
}

fn multiply_slice(sums: ptr<function, Sums>, lane: u32) {
  for (var j = 0u; j < SLICE; j++) {
    var channels: array<vec4f, GROUPS>;
    for (var g = 0u; g < GROUPS; g++) { channels[g] = right[j * WIDTH + lane % SIDE + SIDE * g]; }
    for (var r = 0u; r < ROW_VECTORS; r++) {
      let weight = left[j * LEFT_STEP + lane / SIDE * ROW_VECTORS + r];
      for (var g = 0u; g < GROUPS; g++) {
        (*sums)[4u * r * GROUPS + g] += weight.x * channels[g];
        (*sums)[(4u * r + 1u) * GROUPS + g] += weight.y * channels[g];
        (*sums)[(4u * r + 2u) * GROUPS + g] += weight.z * channels[g];
        (*sums)[(4u * r + 3u) * GROUPS + g] += weight.w * channels[g];
      }
    }
  }
}

/// Adds `weights` times an operand's rows from `first` to `last`. The weights of a slice are the first of a lane;
/// after it the others move up, so that no index into registers depends on the slice.
fn add_weighted(sums: ptr<function, Sums>, weights: ptr<function, Scores>, operand: u32, first: u32, last: u32,
                b: u32, head: u32, lane: u32) {
  for (var slice = first; slice < min(first + OTHERS, last); slice += SLICE) {
    for (var p = 0u; p < PART; p++) {
      for (var r = 0u; r < ROW_VECTORS; r++) {
        left[(lane % SIDE + SIDE * p) * LEFT_STEP + lane / SIDE * ROW_VECTORS + r] = (*weights)[p * ROW_VECTORS + r];
      }
    }
    for (var i = lane; i < SLICE * WIDTH; i += LANES) {
      right[i] = padded(operand, b, head, slice + i / WIDTH, i % WIDTH);
    }
    workgroupBarrier();
    multiply_slice(sums, lane);
    workgroupBarrier();
    for (var i = 0u; i < (COLUMNS - PART) * ROW_VECTORS; i++) { (*weights)[i] = (*weights)[i + PART * ROW_VECTORS]; }
  }
}

/// Hands round what the lanes have of each row.
fn share_rows(own: Rows, lane: u32) {
  for (var r = 0u; r < ROW_VECTORS; r++) { shares[share_at(lane % SIDE, lane, r)] = own[r]; }
  workgroupBarrier();
}

fn share_at(x: u32, lane: u32, r: u32) -> u32 {
  return x * (TILE / 4u) + lane / SIDE * ROW_VECTORS + r;
}

/// The largest that the 8 lanes of a row have of it.
fn largest_of_rows(own: Rows, lane: u32) -> Rows {
  share_rows(own, lane);
  var most = own;
  for (var x = 0u; x < SIDE; x++) {
    for (var r = 0u; r < ROW_VECTORS; r++) { most[r] = max(most[r], shares[share_at(x, lane, r)]); }
  }
  return most;
}

/// What the 8 lanes of a row have of it, added up in order.
fn total_of_rows(own: Rows, lane: u32) -> Rows {
  share_rows(own, lane);
  var total = Rows();
  for (var x = 0u; x < SIDE; x++) {
    for (var r = 0u; r < ROW_VECTORS; r++) { total[r] += shares[share_at(x, lane, r)]; }
  }
  return total;
}

/// Stores the sums of a lane's rows from `first` on.
fn store_sums(sums: ptr<function, Sums>, result: u32, b: u32, head: u32, first: u32, lane: u32) {
  for (var row = 0u; row < ROWS; row++) {
    for (var g = 0u; g < GROUPS; g++) {
      let d = lane % SIDE + SIDE * g;
      if (first + row < tokens && d < WIDTH) { store(result, b, head, first + row, d, (*sums)[row * GROUPS + g]); }
    }
  }
}
