// dx[row, c] = r * (h[c] - mean(h) - n[c] * mean(h * n)), with r = 1 / sqrt(variance + EPS), n = (x - mean) * r the
// normalised row, h[c] = weighted(c, g[row, c]) the gradient that reaches it (times weight[c], where there is one).
// Mean and r are computed again: the row is here anyway. They are also outputs, for the weight's gradient.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text
// with moments.wgsl. Four sweeps, two of them in moments_of().
// Next: keep the row in registers between the sweeps.
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> row_mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> row_scale: array<f32>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  let moments = moments_of(start, lane);
  var sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    let h = weighted(c, g[start + c]);
    sum += vec2f(h, h * normalised(x[start + c], moments));
  }
  let means = sum_of_all(lane, sum) / f32(WIDTH);
  for (var c = lane; c < WIDTH; c += LANES) {
    let n = normalised(x[start + c], moments);
    dx[start + c] = moments.scale * (weighted(c, g[start + c]) - means.x - n * means.y);
  }
  if (lane == 0u) {
    row_mean[row] = moments.mean + moments.correction;
    row_scale[row] = moments.scale;
  }
}
