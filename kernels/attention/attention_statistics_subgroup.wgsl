// Statistics of all rows of a subgroup: each lane reads its share, and the lanes shuffle. After the tile text.

/// Of the rows from `first` on; `stats` of one (b, head) start at `start`.
fn stats_of_rows(start: u32, first: u32, lane: u32) -> Rows {
  var strips: array<f32, STRIPS>;
  for (var s = 0u; s < STRIPS; s++) { strips[s] = stats[start + min(first + lane + SIDE * s, tokens - 1u)]; }
  var values: Rows;
  for (var r = 0u; r < ROW_VECTORS; r++) { values[r] = of_lanes(strips[r / 2u], r % 2u * 4u); }
  return values;
}
