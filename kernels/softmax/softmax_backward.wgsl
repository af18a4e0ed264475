// dx[row, i] = y[row, i] * (g[row, i] - sum over j of g[row, j] * y[row, j]); y is the softmax, g its gradient.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text.
@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  var dot = 0.0;
  for (var c = lane; c < WIDTH; c += LANES) {
    dot += g[start + c] * y[start + c];
  }
  dot = sum_of_all(lane, dot);
  for (var c = lane; c < WIDTH; c += LANES) {
    dx[start + c] = y[start + c] * (g[start + c] - dot);
  }
}
