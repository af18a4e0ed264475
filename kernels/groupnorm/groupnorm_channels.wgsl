// Gradients of bias and weight: of each channel, the sums of g and g * n over all samples, which are sums of the
// planes' sums.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text; a
// row is the WIDTH chunks of a channel, CHUNKS of them in each sample.
override CHANNELS: u32;
override CHUNKS: u32;
@group(0) @binding(0) var<storage, read> planes: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(2) var<storage, read_write> dbias: array<f32>;

fn handle_row(row: u32, lane: u32) {
  var sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    sum += planes[((c / CHUNKS) * CHANNELS + row) * CHUNKS + c % CHUNKS];
  }
  let all = sum_of_all(lane, sum);
  if (lane == 0u) {
    dbias[row] = all.x;
    dweight[row] = all.y;
  }
}
