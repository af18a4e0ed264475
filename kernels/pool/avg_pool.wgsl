// y[o] = sum of window o, divided by the size of the kernel, or by the number of its elements in the image.
// Mapping: an invocation is a window; SIZE of them, 64 a workgroup, neighbours along a row. No workgroup memory, no
// barrier: neighbouring windows share what they read through the cache. After windows.wgsl.
// Next: sums of columns first, which neighbouring windows could share.
override COUNT_PADDING: bool;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let o = (id.x + id.y * groups.x) * 64u + lane;
  if (o >= SIZE) { return; }
  let rows = rows_of((o / OUT_COLUMNS) % OUT_ROWS);
  let columns = columns_of(o % OUT_COLUMNS);
  let plane = o / (OUT_ROWS * OUT_COLUMNS) * ROWS * COLUMNS;
  var sum = 0.0;
  for (var row = rows.first; row < rows.end; row++) {
    var of_row = 0.0; // short sums: a window may be the whole image
    for (var column = columns.first; column < columns.end; column++) {
      of_row += x[plane + row * COLUMNS + column];
    }
    sum += of_row;
  }
  let inside = (rows.end - rows.first) * (columns.end - columns.first);
  y[o] = sum / f32(select(inside, KERNEL_ROWS * KERNEL_COLUMNS, COUNT_PADDING));
}
