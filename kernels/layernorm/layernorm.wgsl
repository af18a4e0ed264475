// y[row, c] = affine(c, (x[row, c] - mean) / sqrt(variance + EPS)); affine(c, v) is v, or v * weight[c] + bias[c],
// and comes from the generated header.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text
// with moments.wgsl. Three sweeps, two of them in moments_of().
// Next: keep the row in registers between the three sweeps, instead of rereading it from the cache.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  let moments = moments_of(start, lane);
  for (var c = lane; c < WIDTH; c += LANES) {
    y[start + c] = affine(c, normalised(x[start + c], moments));
  }
}
