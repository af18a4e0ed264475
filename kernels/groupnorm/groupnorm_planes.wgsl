// Of each chunk of each channel of each sample: the sums of g and of g * n, n being the normalised element. All other
// sums of the backward pass are sums of these.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text; a
// row is a chunk of at most WIDTH elements of a channel.
override PIXELS: u32;         // elements of a channel
override CHUNKS: u32;         // of a channel
override GROUP_CHANNELS: u32; // channels of a group
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> planes: array<vec2f>;

fn handle_row(row: u32, lane: u32) {
  let plane = row / CHUNKS;
  let first = (row % CHUNKS) * WIDTH;
  let count = min(WIDTH, PIXELS - first);
  let start = plane * PIXELS + first;
  let s = statistics[plane / GROUP_CHANNELS];
  var sum = vec2f(0.0);
  for (var c = lane; c < count; c += LANES) {
    let value = g[start + c];
    sum += vec2f(value, value * (((x[start + c] - s.x) - s.y) * s.z));
  }
  let all = sum_of_all(lane, sum);
  if (lane == 0u) { planes[row] = all; }
}
