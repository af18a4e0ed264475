// dx[row, c] = r * (h[c] - mean(h) - n[c] * mean(h * n)) + earlier(row, c), with n the normalised row, r = 1 / sqrt(
// variance + EPS), h[c] = g[row, c] * (1 + vectors[b, SCALE, c]). earlier() comes from the generated header.
// Mean and r go to `moments`, for norm_columns.wgsl, which sums over tokens what the vectors get.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text
// with moments.wgsl of layernorm. Four sweeps, two of them in moments_of().
// Next: keep the row in registers between the sweeps.
override TOKENS: u32;
override PARTS: u32;
override SCALE: u32;
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> vectors: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<storage, read_write> row_moments: array<vec2f>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  let scales = (row / TOKENS * PARTS + SCALE) * WIDTH;
  let moments = moments_of(start, lane);
  var sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    let h = g[start + c] * (1.0 + vectors[scales + c]);
    sum += vec2f(h, h * normalised(x[start + c], moments));
  }
  let means = sum_of_all(lane, sum) / f32(WIDTH);
  for (var c = lane; c < WIDTH; c += LANES) {
    let h = g[start + c] * (1.0 + vectors[scales + c]);
    let n = normalised(x[start + c], moments);
    dx[start + c] = moments.scale * (h - means.x - n * means.y) + earlier(start + c);
  }
  if (lane == 0u) { row_moments[row] = vec2f(moments.mean + moments.correction, moments.scale); }
}
