// dx[row, i] = y[row, i] * (g[row, i] - sum over j of g[row, j] * y[row, j]); y is the softmax, g its gradient.
// Mapping: a workgroup is a row; lane l handles elements l, l + WORKGROUP, ..., so that lanes read neighbours.
// Workgroup memory: one partial sum a lane, added by a tree in a fixed order.
// Barriers: before each level of the tree, which reads what others wrote on the level above.
override ROWS: u32;
override WIDTH: u32;
override WORKGROUP: u32;

@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

var<workgroup> shared_values: array<f32, 256>;

fn sum_of_all(lane: u32, value: f32) -> f32 {
  shared_values[lane] = value;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      shared_values[lane] += shared_values[lane + half];
    }
  }
  workgroupBarrier();
  return shared_values[0];
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = id.x + id.y * groups.x;
  if (row >= ROWS) { return; }
  let start = row * WIDTH;
  var dot = 0.0;
  for (var i = lane; i < WIDTH; i += WORKGROUP) {
    dot += g[start + i] * y[start + i];
  }
  dot = sum_of_all(lane, dot);
  for (var i = lane; i < WIDTH; i += WORKGROUP) {
    dx[start + i] = y[start + i] * (g[start + i] - dot);
  }
}
