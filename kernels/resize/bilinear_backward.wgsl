// dx[i] = sum over the elements o of the result that have i among their neighbours of g[o] * weight of i in o.
// Mapping: an invocation is an element of the source; SIZE of them, 64 a workgroup. It gathers from a rectangle of the
// result, whose positions are less than 1 away: the sum has one order, and nothing is added from two places. No
// workgroup memory, no barrier. After positions.wgsl.
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

fn weight_of(i: u32, p: Position) -> f32 {
  return select(0.0, 1.0 - p.weight, p.low == i) + select(0.0, p.weight, p.high == i);
}

/// The first element of the result whose position is beyond i - 1: 2 o size + offset > (i - 1) 2 out_size.
fn first_near(i: u32, size: u32, out_size: u32, offset: i32) -> u32 {
  let numerator = (i32(i) - 1) * i32(2u * out_size) - offset;
  return u32(select(numerator / i32(2u * size) + 1, 0, numerator < 0));
}

/// One past the last element of the result whose position is before i + 1: 2 o size + offset < (i + 1) 2 out_size.
fn end_near(i: u32, size: u32, out_size: u32, offset: i32) -> u32 {
  let numerator = (i32(i) + 1) * i32(2u * out_size) - offset;
  return min(out_size, u32((numerator + i32(2u * size) - 1) / i32(2u * size)));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 64u + lane;
  if (i >= SIZE) { return; }
  let plane = i / (ROWS * COLUMNS) * OUT_ROWS * OUT_COLUMNS;
  let row = (i / COLUMNS) % ROWS;
  let column = i % COLUMNS;
  let left = first_near(column, COLUMNS, OUT_COLUMNS, COLUMN_OFFSET);
  let right = end_near(column, COLUMNS, OUT_COLUMNS, COLUMN_OFFSET);
  let bottom = end_near(row, ROWS, OUT_ROWS, ROW_OFFSET);
  var sum = 0.0;
  for (var r = first_near(row, ROWS, OUT_ROWS, ROW_OFFSET); r < bottom; r++) {
    var of_row = 0.0;
    for (var c = left; c < right; c++) {
      of_row += g[plane + r * OUT_COLUMNS + c] * weight_of(column, column_position(c));
    }
    sum += of_row * weight_of(row, row_position(r));
  }
  dx[i] = sum;
}
