// dx[row, c] = r * (h[c] - n[c] * mean(h * n)), with r = 1 / sqrt(mean(x^2) + EPS), n = x * r the normalised row,
// h[c] = g[row, c] * weight[c] the gradient that reaches it.
// r is computed again: the row is here anyway. It is also an output, for the weight's gradient.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text.
// Combined over the lanes: sums of (x^2, h * x), both in one tree.
// Next: several rows a workgroup where rows are short, as in the normalisation of heads.
override EPS: f32;

@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<storage, read_write> row_scale: array<f32>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  var sums = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    let value = x[start + c];
    sums += vec2f(value * value, g[start + c] * weight[c] * value);
  }
  let means = sum_of_all(lane, sums) / f32(WIDTH);
  let scale = 1.0 / sqrt(means.x + EPS);
  // n * mean(h * n) = x * r * (mean(h * x) * r)
  let along = means.y * scale * scale;
  for (var c = lane; c < WIDTH; c += LANES) {
    dx[start + c] = scale * (g[start + c] * weight[c] - x[start + c] * along);
  }
  if (lane == 0u) {
    row_scale[row] = scale;
  }
}
