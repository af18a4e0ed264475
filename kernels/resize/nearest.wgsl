// y[o] = x[floor(row * ROWS / OUT_ROWS), floor(column * COLUMNS / OUT_COLUMNS)], in whole numbers.
// Mapping: an invocation is an element of the result; SIZE of them, 64 a workgroup, neighbours along a row. No
// workgroup memory, no barrier.
override SIZE: u32;
override ROWS: u32;
override COLUMNS: u32;
override OUT_ROWS: u32;
override OUT_COLUMNS: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let o = (id.x + id.y * groups.x) * 64u + lane;
  if (o >= SIZE) { return; }
  let plane = o / (OUT_ROWS * OUT_COLUMNS);
  let row = (o / OUT_COLUMNS) % OUT_ROWS * ROWS / OUT_ROWS;
  let column = o % OUT_COLUMNS * COLUMNS / OUT_COLUMNS;
  y[o] = x[(plane * ROWS + row) * COLUMNS + column];
}
