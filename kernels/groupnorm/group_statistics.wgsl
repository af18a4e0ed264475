// Mean, what rounding left out of it, and 1 / sqrt(variance + EPS) of each group, from the moments of its chunks:
// with delta = (chunk's mean - mean), sum of squares = sum over chunks of (own squares + length * delta^2).
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text; a
// row is the WIDTH chunks of a group.
override GROUP_SIZE: f32;
override EPS: f32;
@group(0) @binding(0) var<storage, read> moments: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> statistics: array<vec4f>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  var sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    let m = moments[start + c];
    sum.x += m.x * (m.w / GROUP_SIZE);
  }
  let mean = sum_of_all(lane, sum).x;
  sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    let m = moments[start + c];
    let delta = (m.x - mean) + m.y;
    sum += vec2f(m.w * delta, m.z + m.w * delta * delta);
  }
  let rest = sum_of_all(lane, sum) / GROUP_SIZE;
  if (lane == 0u) {
    let variance = max(rest.y - rest.x * rest.x, 0.0);
    statistics[row] = vec4f(mean, rest.x, 1.0 / sqrt(variance + EPS), 0.0);
  }
}
