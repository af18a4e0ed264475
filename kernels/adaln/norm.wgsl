// y[b, t, c] = (x[b, t, c] - mean) / sqrt(variance + EPS) * (1 + vectors[b, SCALE, c]) + vectors[b, SHIFT, c]: layer
// normalisation and the modulation of adaLN in one pass over memory.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text
// with moments.wgsl of layernorm. Three sweeps, two of them in moments_of().
// Next: keep the row in registers between the three sweeps, instead of rereading it from the cache.
override TOKENS: u32;
override PARTS: u32;
override SHIFT: u32;
override SCALE: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> vectors: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  let first = row / TOKENS * PARTS;
  let moments = moments_of(start, lane);
  for (var c = lane; c < WIDTH; c += LANES) {
    let factor = 1.0 + vectors[(first + SCALE) * WIDTH + c];
    y[start + c] = normalised(x[start + c], moments) * factor + vectors[(first + SHIFT) * WIDTH + c];
  }
}
