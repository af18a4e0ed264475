// y[row, c] = affine(c, (x[row, c] - mean) / sqrt(variance + EPS)); affine(c, v) is v, or v * weight[c] + bias[c],
// and comes from the generated header.
// Mapping: a workgroup is a row; lane l handles elements l, l + WORKGROUP, ..., so that lanes read neighbours.
// Two passes: the mean, then sums of d = x - mean and d * d. The sum of d is what rounding left in the mean, and
// corrects both the mean and the variance; mean(x^2) - mean^2 would lose all digits where the mean is large.
// Workgroup memory: two partial sums a lane, added by a tree in a fixed order.
// Barriers: before each level of the tree (it reads what others wrote), and before the memory is used again.
// Next: keep the row in registers between the three sweeps, instead of rereading it from the cache.
override ROWS: u32;
override WIDTH: u32;
override WORKGROUP: u32;
override EPS: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> shared_sums: array<vec2f, 256>;

fn sum_of_all(lane: u32, value: vec2f) -> vec2f {
  shared_sums[lane] = value;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      shared_sums[lane] += shared_sums[lane + half];
    }
  }
  workgroupBarrier();
  let sum = shared_sums[0];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = id.x + id.y * groups.x;
  if (row >= ROWS) { return; }
  let start = row * WIDTH;
  var sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += WORKGROUP) {
    sum.x += x[start + c];
  }
  let mean = sum_of_all(lane, sum).x / f32(WIDTH);
  sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += WORKGROUP) {
    let d = x[start + c] - mean;
    sum += vec2f(d, d * d);
  }
  let moments = sum_of_all(lane, sum) / f32(WIDTH);
  let scale = 1.0 / sqrt(max(moments.y - moments.x * moments.x, 0.0) + EPS);
  for (var c = lane; c < WIDTH; c += WORKGROUP) {
    y[start + c] = affine(c, ((x[start + c] - mean) - moments.x) * scale);
  }
}
