// y[o] = the largest element of window o; elements outside the image do not take part.
// Mapping: an invocation is a window; SIZE of them, 64 a workgroup, neighbours along a row. No workgroup memory, no
// barrier: neighbouring windows share what they read through the cache. After windows.wgsl.
// Next: a tile of the image in workgroup memory where windows overlap.
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
  var best = x[plane + rows.first * COLUMNS + columns.first];
  for (var row = rows.first; row < rows.end; row++) {
    for (var column = columns.first; column < columns.end; column++) {
      best = max(best, x[plane + row * COLUMNS + column]);
    }
  }
  y[o] = best;
}
