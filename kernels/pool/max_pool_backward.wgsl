// dx[i] = sum of g[o] over the windows o whose largest element is element i.
// Mapping: an invocation is an element of the image; SIZE of them, 64 a workgroup. It looks at the windows that it is
// in, in order: the sum has one order, and nothing is added from two places. No workgroup memory, no barrier. After
// windows.wgsl; max_pool_positions.wgsl ran before.
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

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
      let o = plane + row * OUT_COLUMNS + column;
      if (positions[o] == i) { sum += g[o]; }
    }
  }
  dx[i] = sum;
}
