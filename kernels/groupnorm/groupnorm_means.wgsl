// Of each group: the means of h and of h * n, h = g * weight[c] being the gradient that reaches the normalised
// element n. They are sums of the channels' sums.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text; a
// row is the WIDTH chunks of all channels of a group.
override GROUP_SIZE: f32;
override GROUP_CHANNELS: u32; // channels of a group
override CHANNELS: u32;
@group(0) @binding(0) var<storage, read> planes: array<vec2f>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> means: array<vec2f>;

fn handle_row(row: u32, lane: u32) {
  let chunks = WIDTH / GROUP_CHANNELS;
  let channel = (row * GROUP_CHANNELS) % CHANNELS;
  var sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    sum += planes[row * WIDTH + c] * weight[channel + c / chunks];
  }
  let all = sum_of_all(lane, sum);
  if (lane == 0u) { means[row] = all / GROUP_SIZE; }
}
