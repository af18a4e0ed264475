// y[row, i] = exp(x[row, i] - m) / sum over j of exp(x[row, j] - m), m = the largest x of the row.
// Subtracting m changes nothing in exact arithmetic, and keeps exp from overflowing.
// Mapping: a workgroup is a row; lane l handles elements l, l + WORKGROUP, ..., so that lanes read neighbours.
// Workgroup memory: one number a lane, combined by a tree in a fixed order: first the maxima, then the sums.
// Barriers: before each level of a tree (it reads what others wrote), and before the memory is used again.
// Next: keep the row in registers between the three sweeps, instead of rereading it from the cache.
override ROWS: u32;
override WIDTH: u32;
override WORKGROUP: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> shared_values: array<f32, 256>;

fn largest_of_all(lane: u32, value: f32) -> f32 {
  shared_values[lane] = value;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      shared_values[lane] = max(shared_values[lane], shared_values[lane + half]);
    }
  }
  workgroupBarrier();
  let largest = shared_values[0];
  workgroupBarrier();
  return largest;
}

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
  var largest = -3.4028234e38;
  for (var i = lane; i < WIDTH; i += WORKGROUP) {
    largest = max(largest, x[start + i]);
  }
  largest = largest_of_all(lane, largest);
  var sum = 0.0;
  for (var i = lane; i < WIDTH; i += WORKGROUP) {
    sum += exp(x[start + i] - largest);
  }
  sum = sum_of_all(lane, sum);
  for (var i = lane; i < WIDTH; i += WORKGROUP) {
    y[start + i] = exp(x[start + i] - largest) / sum;
  }
}
