// dx[row, c] = r * (h[c] - mean(h) - n[c] * mean(h * n)), with r = 1 / sqrt(variance + EPS), n = (x - mean) * r the
// normalised row, h[c] = weighted(c, g[row, c]) the gradient that reaches it (times weight[c], where there is one).
// Mean and r are computed again: the row is here anyway. They are also outputs, for the weight's gradient.
// Mapping, workgroup memory and barriers are those of layernorm.wgsl; there are three trees and four sweeps.
// Next: keep the row in registers between the sweeps.
override ROWS: u32;
override WIDTH: u32;
override WORKGROUP: u32;
override EPS: f32;

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> row_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> row_scale: array<f32>;

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
  sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += WORKGROUP) {
    let h = weighted(c, g[start + c]);
    sum += vec2f(h, h * (((x[start + c] - mean) - moments.x) * scale));
  }
  let means = sum_of_all(lane, sum) / f32(WIDTH);
  for (var c = lane; c < WIDTH; c += WORKGROUP) {
    let n = ((x[start + c] - mean) - moments.x) * scale;
    dx[start + c] = scale * (weighted(c, g[start + c]) - means.x - n * means.y);
  }
  if (lane == 0u) {
    row_mean[row] = mean + moments.x;
    row_scale[row] = scale;
  }
}
