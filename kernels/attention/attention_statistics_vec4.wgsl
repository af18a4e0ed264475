// Statistics of the rows of a lane, read by each of the 8 lanes that share them. After the tile text.

/// Of the rows from `first` on; `stats` of one (b, head) start at `start`.
fn stats_of_rows(start: u32, first: u32, lane: u32) -> Rows {
  var values: Rows;
  for (var r = 0u; r < ROW_VECTORS; r++) {
    let n = start + min(rows_of(first, r), vec4u(tokens - 1u));
    values[r] = vec4f(stats[n.x], stats[n.y], stats[n.z], stats[n.w]);
  }
  return values;
}
