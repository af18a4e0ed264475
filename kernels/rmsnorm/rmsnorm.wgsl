// y[row, c] = x[row, c] / sqrt(mean over c of x[row, c]^2 + EPS) * weight[c].
// Mapping: a workgroup is a row; lane l handles elements l, l + WORKGROUP, ..., so that lanes read neighbours.
// Workgroup memory: one partial sum a lane, added by a tree in a fixed order.
// Barriers: before each level of the tree, which reads what others wrote on the level above.
// Next: several rows a workgroup where rows are short, as in the normalisation of heads.
override ROWS: u32;
override WIDTH: u32;
override WORKGROUP: u32;
override EPS: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

var<workgroup> shared_sums: array<f32, 256>;

fn sum_of_all(lane: u32, value: f32) -> f32 {
  shared_sums[lane] = value;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      shared_sums[lane] += shared_sums[lane + half];
    }
  }
  workgroupBarrier();
  return shared_sums[0];
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = id.x + id.y * groups.x;
  if (row >= ROWS) { return; }
  let start = row * WIDTH;
  var squares = 0.0;
  for (var c = lane; c < WIDTH; c += WORKGROUP) {
    squares += x[start + c] * x[start + c];
  }
  let scale = 1.0 / sqrt(sum_of_all(lane, squares) / f32(WIDTH) + EPS);
  for (var c = lane; c < WIDTH; c += WORKGROUP) {
    y[start + c] = x[start + c] * scale * weight[c];
  }
}
