// What tile.wgsl and tile_subgroup.wgsl say alike, in front of either: operands of a tile, and sums over their lines.
const TILE_N = 64u;

/// One operand: `lines` rows of op(A) or columns of op(B), `depth` steps of k; a stored row has `stride` elements.
struct Operand {
  base: u32,
  stride: u32,
  lines: u32,
  depth: u32,
}

/// Whether sums of op(A) over k are wanted too, where A is stored transposed: see row_of_lines().
var<private> sum_lines: bool;
var<private> lines: vec4f;

/// How many of the four elements from `at` on exist.
fn remaining(limit: u32, at: u32) -> u32 {
  return select(0u, min(limit - at, 4u), at < limit);
}

