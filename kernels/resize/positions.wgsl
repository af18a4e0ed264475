// Where elements of the result lie in the source, in front of bilinear.wgsl and bilinear_backward.wgsl. Element i is at
// position max(0, 2 i size + offset) / (2 out_size); offset is size - out_size for half-pixel centres, else 0. With
// whole numbers neighbours are exact, and only the weight is rounded.
override SIZE: u32;
override ROWS: u32;
override COLUMNS: u32;
override OUT_ROWS: u32;
override OUT_COLUMNS: u32;
override ROW_OFFSET: i32;
override COLUMN_OFFSET: i32;

struct Position {
  low: u32,
  high: u32,
  weight: f32, // of `high`
}

fn position_of(i: u32, size: u32, out_size: u32, offset: i32) -> Position {
  let numerator = u32(max(0, i32(2u * i * size) + offset));
  let low = numerator / (2u * out_size);
  let weight = f32(numerator % (2u * out_size)) / f32(2u * out_size);
  return Position(low, min(low + 1u, size - 1u), weight);
}

fn row_position(i: u32) -> Position { return position_of(i, ROWS, OUT_ROWS, ROW_OFFSET); }
fn column_position(i: u32) -> Position { return position_of(i, COLUMNS, OUT_COLUMNS, COLUMN_OFFSET); }
