// Where the largest element of every window is in the input; of equal ones the first in row-major order. The first of
// the two launches of the backward pass: the second gathers, so that overlapping windows need no atomics.
// Mapping: an invocation is a window; SIZE of them, 64 a workgroup. No workgroup memory, no barrier. After
// windows.wgsl.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> positions: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let o = (id.x + id.y * groups.x) * 64u + lane;
  if (o >= SIZE) { return; }
  let rows = rows_of((o / OUT_COLUMNS) % OUT_ROWS);
  let columns = columns_of(o % OUT_COLUMNS);
  let plane = o / (OUT_ROWS * OUT_COLUMNS) * ROWS * COLUMNS;
  var position = plane + rows.first * COLUMNS + columns.first;
  var best = x[position];
  for (var row = rows.first; row < rows.end; row++) {
    for (var column = columns.first; column < columns.end; column++) {
      let at = plane + row * COLUMNS + column;
      if (x[at] > best) {
        best = x[at];
        position = at;
      }
    }
  }
  positions[o] = position;
}
