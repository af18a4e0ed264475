// dx[i] = sum over the windows o that element i is in of g[o] / (size of the kernel, or elements in the image).
// Mapping: an invocation is an element of the image; SIZE of them, 64 a workgroup. It looks at its windows in order:
// the sum has one order, and nothing is added from two places. No workgroup memory, no barrier. After windows.wgsl.
override COUNT_PADDING: bool;
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

fn divisor(row: u32, column: u32) -> f32 {
  let rows = rows_of(row);
  let columns = columns_of(column);
  let inside = (rows.end - rows.first) * (columns.end - columns.first);
  return f32(select(inside, KERNEL_ROWS * KERNEL_COLUMNS, COUNT_PADDING));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 64u + lane;
  if (i >= SIZE) { return; }
  let rows = covering_span((i / COLUMNS) % ROWS, OUT_ROWS, KERNEL_ROWS, STRIDE_ROWS, PADDING_ROWS);
  let columns = covering_span(i % COLUMNS, OUT_COLUMNS, KERNEL_COLUMNS, STRIDE_COLUMNS, PADDING_COLUMNS);
  let plane = i / (ROWS * COLUMNS) * OUT_ROWS * OUT_COLUMNS;
  var sum = 0.0;
  for (var row = rows.first; row < rows.end; row++) {
    for (var column = columns.first; column < columns.end; column++) {
      sum += g[plane + row * OUT_COLUMNS + column] / divisor(row, column);
    }
  }
  dx[i] = sum;
}
