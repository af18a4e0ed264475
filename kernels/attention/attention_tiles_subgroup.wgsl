// The tile products of attention_tiles_vec4.wgsl without workgroup memory: lanes read each other's registers.
//   scores[TILE, OTHERS] += A[TILE, D] B[OTHERS, D]^T            ROWS x COLUMNS registers a lane
//   sums[TILE, D]        += weights[TILE, OTHERS] B[OTHERS, D]   ROWS x 4 GROUPS registers a lane
// A workgroup is one subgroup of 8 lanes, which share all rows. For the scores a lane loads four channels of its own
// columns and of rows x + 8 s, which the others get by shuffles; for the sums, its own channels of a column.
// Software adapters move the lanes of a load one by one, and a shuffle is one instruction there.
// Control flow: add_scores() and add_weighted() must be called in uniform control flow, as shuffles want all lanes.
// A kernel file defines `vector(operand, b, head, n, d)` and `store(result, b, head, n, d, x)`; the header defines
// WIDTH and the counts of registers. Loops up to these are written out by unroll.ts, so that compilers of software
// adapters, which give up on long loops, have constants for all indices into registers.
const LANES = 8u;
const SIDE = 8u;
const TILE = ROWS;
const OTHERS = SIDE * COLUMNS;

/// Four channels of an operand, 0 outside of the tensor; without branches, which software adapters pay for.
fn padded(operand: u32, b: u32, head: u32, n: u32, d: u32) -> vec4f {
  let inside = n < tokens && d < WIDTH;
  return select(vec4f(), vector(operand, b, head, min(n, tokens - 1u), min(d, WIDTH - 1u)), inside);
}

/// The values of four lanes from `first` on.
fn of_lanes(x: f32, first: u32) -> vec4f {
  return vec4f(subgroupShuffle(x, first), subgroupShuffle(x, first + 1u),
               subgroupShuffle(x, first + 2u), subgroupShuffle(x, first + 3u));
}

/// Adds the products of the rows of two operands, from `first_row` and `first_column` on.
fn add_scores(scores: ptr<function, Scores>, row_operand: u32, first_row: u32, column_operand: u32,
              first_column: u32, b: u32, head: u32, lane: u32) {
  for (var d = 0u; d < WIDTH; d++) {
    var columns: array<vec4f, COLUMNS>;
    for (var c = 0u; c < COLUMNS; c++) {
      columns[c] = padded(column_operand, b, head, first_column + lane + SIDE * c, d);
    }
    var strips: array<vec4f, STRIPS>;
    for (var s = 0u; s < STRIPS; s++) {
      strips[s] = padded(row_operand, b, head, first_row + lane + SIDE * s, d);
    }
    for (var r = 0u; r < ROW_VECTORS; r++) {
      let strip = strips[r / 2u];
      let x = of_lanes(strip.x, r % 2u * 4u);
      let y = of_lanes(strip.y, r % 2u * 4u);
      let z = of_lanes(strip.z, r % 2u * 4u);
      let w = of_lanes(strip.w, r % 2u * 4u);
      for (var c = 0u; c < COLUMNS; c++) {
        let at = c * ROW_VECTORS + r;
        let sum = fma(y, vec4f(columns[c].y), fma(x, vec4f(columns[c].x), (*scores)[at]));
        (*scores)[at] = fma(w, vec4f(columns[c].w), fma(z, vec4f(columns[c].z), sum));
      }
    }
  }
}

/// Adds `weights` times an operand's rows from `first` to `last`. The weights of eight columns are the first of a lane;
/// after them the others move up, so that no index into registers depends on the column.
fn add_weighted(sums: ptr<function, Sums>, weights: ptr<function, Scores>, operand: u32, first: u32, last: u32,
                b: u32, head: u32, lane: u32) {
  for (var slice = first; slice < min(first + OTHERS, last); slice += SIDE) {
    for (var x = 0u; x < SIDE; x++) {
      var channels: array<vec4f, GROUPS>;
      for (var g = 0u; g < GROUPS; g++) { channels[g] = padded(operand, b, head, slice + x, lane + SIDE * g); }
      for (var r = 0u; r < ROW_VECTORS; r++) {
        let weight = subgroupShuffle((*weights)[r], x);
        for (var g = 0u; g < GROUPS; g++) {
          let at = 4u * r * GROUPS + g;
          (*sums)[at] = fma(vec4f(weight.x), channels[g], (*sums)[at]);
          (*sums)[at + GROUPS] = fma(vec4f(weight.y), channels[g], (*sums)[at + GROUPS]);
          (*sums)[at + 2u * GROUPS] = fma(vec4f(weight.z), channels[g], (*sums)[at + 2u * GROUPS]);
          (*sums)[at + 3u * GROUPS] = fma(vec4f(weight.w), channels[g], (*sums)[at + 3u * GROUPS]);
        }
      }
    }
    for (var i = 0u; i < LATER_SCORES; i++) { (*weights)[i] = (*weights)[i + ROW_VECTORS]; }
  }
}

/// The largest that the lanes have of each row.
fn largest_of_rows(own: Rows, lane: u32) -> Rows {
  var most = own;
  for (var r = 0u; r < ROW_VECTORS; r++) {
    most[r] = max(most[r], subgroupShuffleXor(most[r], 4u));
    most[r] = max(most[r], subgroupShuffleXor(most[r], 2u));
    most[r] = max(most[r], subgroupShuffleXor(most[r], 1u));
  }
  return most;
}

/// What the lanes have of each row, added up in a fixed order.
fn total_of_rows(own: Rows, lane: u32) -> Rows {
  var total = own;
  for (var r = 0u; r < ROW_VECTORS; r++) {
    total[r] += subgroupShuffleXor(total[r], 4u);
    total[r] += subgroupShuffleXor(total[r], 2u);
    total[r] += subgroupShuffleXor(total[r], 1u);
  }
  return total;
}

/// Stores the sums of the rows from `first` on. The sums of a row are the first of a lane; after it the others move up.
fn store_sums(sums: ptr<function, Sums>, result: u32, b: u32, head: u32, first: u32, lane: u32) {
  for (var n = first; n < min(first + ROWS, tokens); n++) {
    for (var g = 0u; g < GROUPS; g++) {
      let d = lane + SIDE * g;
      if (d < WIDTH) { store(result, b, head, n, d, (*sums)[g]); }
    }
    for (var i = 0u; i < LATER_SUMS; i++) { (*sums)[i] = (*sums)[i + GROUPS]; }
  }
}
