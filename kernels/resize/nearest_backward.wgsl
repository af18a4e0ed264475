// dx[i] = sum of the gradients of all elements that are copies of element i: rows from ceil(row * OUT_ROWS / ROWS) on,
// to before that of the next row, and columns alike.
// Mapping: an invocation is an element of the source; SIZE of them, 64 a workgroup. It gathers: the sum has one order,
// and nothing is added from two places. No workgroup memory, no barrier.
override SIZE: u32;
override ROWS: u32;
override COLUMNS: u32;
override OUT_ROWS: u32;
override OUT_COLUMNS: u32;
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

fn first_copy(i: u32, size: u32, out_size: u32) -> u32 { return (i * out_size + size - 1u) / size; }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 64u + lane;
  if (i >= SIZE) { return; }
  let plane = i / (ROWS * COLUMNS) * OUT_ROWS * OUT_COLUMNS;
  let row = (i / COLUMNS) % ROWS;
  let column = i % COLUMNS;
  let left = first_copy(column, COLUMNS, OUT_COLUMNS);
  let right = first_copy(column + 1u, COLUMNS, OUT_COLUMNS);
  let bottom = first_copy(row + 1u, ROWS, OUT_ROWS);
  var sum = 0.0;
  for (var r = first_copy(row, ROWS, OUT_ROWS); r < bottom; r++) {
    for (var c = left; c < right; c++) {
      sum += g[plane + r * OUT_COLUMNS + c];
    }
  }
  dx[i] = sum;
}
