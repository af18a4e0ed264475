// y[row, c] = x[row, c] / sqrt(mean over c of x[row, c]^2 + EPS) * weight[c].
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text.
// Next: several rows a workgroup where rows are short, as in the normalisation of heads.
override EPS: f32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  var squares = 0.0;
  for (var c = lane; c < WIDTH; c += LANES) {
    squares += x[start + c] * x[start + c];
  }
  let scale = 1.0 / sqrt(sum_of_all(lane, squares) / f32(WIDTH) + EPS);
  for (var c = lane; c < WIDTH; c += LANES) {
    y[start + c] = x[start + c] * scale * weight[c];
  }
}
