// Of each chunk of each group: its mean, what rounding left out of the mean, the sum of squares about both, and its
// length. A group may have a million elements: chunks spread it over workgroups, and keep the f32 sums short.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text; a
// row is a chunk of at most WIDTH elements. Two sweeps over the chunk, the second from the cache: the mean, then
// sums of d = x - mean and d * d, since mean(x^2) - mean^2 would lose all digits where the mean is large.
override GROUP_SIZE: u32;
override CHUNKS: u32; // of a group
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<vec4f>;

fn handle_row(row: u32, lane: u32) {
  let first = (row % CHUNKS) * WIDTH;
  let count = min(WIDTH, GROUP_SIZE - first);
  let start = (row / CHUNKS) * GROUP_SIZE + first;
  var sum = vec2f(0.0);
  for (var c = lane; c < count; c += LANES) {
    sum.x += x[start + c];
  }
  let mean = sum_of_all(lane, sum).x / f32(count);
  sum = vec2f(0.0);
  for (var c = lane; c < count; c += LANES) {
    let d = x[start + c] - mean;
    sum += vec2f(d, d * d);
  }
  let all = sum_of_all(lane, sum);
  let rest = all.x / f32(count);
  if (lane == 0u) {
    moments[row] = vec4f(mean, rest, max(all.y - all.x * rest, 0.0), f32(count));
  }
}
