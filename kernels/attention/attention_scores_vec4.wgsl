// Scores and sums of a lane, as the tile texts behind have them. Lane (y, x) owns rows y ROWS.., columns x + 8 c and
// channels 4 (x + 8 g)... The header defines ROWS, ROW_VECTORS, COLUMNS and GROUPS.
alias Rows = array<vec4f, ROW_VECTORS>;
alias Scores = array<vec4f, COLUMNS * ROW_VECTORS>;   // [column][row / 4]
alias Sums = array<vec4f, ROWS * GROUPS>;             // [row][channel / 32]

const HIDDEN = -3.4e38;   // its exponential is 0

/// Rows of the four scores `s` of a lane whose rows start at `first`.
fn rows_of(first: u32, s: u32) -> vec4u {
  return first + 4u * (s % ROW_VECTORS) + vec4u(0u, 1u, 2u, 3u);
}

/// Column of the four scores `s`, in a tile from `first` on.
fn column_of(first: u32, lane: u32, s: u32) -> u32 {
  return first + lane % SIDE + SIDE * (s / ROW_VECTORS);
}

/// Scores of queries `i` and keys `j`, HIDDEN where the query does not see the key.
fn visible(scores: vec4f, i: vec4u, j: vec4u) -> vec4f {
  var seen = (i < vec4u(tokens)) & (j < vec4u(tokens));
  if (causal) { seen = seen & (j <= i); }
  if (window > 0u) { seen = seen & (i < j + window); }
  return select(vec4f(HIDDEN), scores, seen);
}

