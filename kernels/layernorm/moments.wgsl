// Mean and 1 / sqrt(variance + EPS) of a row, in two sweeps; after kernels/reduce/row_by_*.wgsl, before a kernel with
// the binding `x`.
// First the mean, then sums of d = x - mean and d * d. The sum of d is what rounding left in the mean, and corrects
// both the mean and the variance; mean(x^2) - mean^2 would lose all digits where the mean is large.
override EPS: f32;

struct Moments {
  mean: f32,
  correction: f32, // the mean is mean + correction, to more digits than one f32 holds
  scale: f32,
}

fn moments_of(start: u32, lane: u32) -> Moments {
  var sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    sum.x += x[start + c];
  }
  let mean = sum_of_all(lane, sum).x / f32(WIDTH);
  sum = vec2f(0.0);
  for (var c = lane; c < WIDTH; c += LANES) {
    let d = x[start + c] - mean;
    sum += vec2f(d, d * d);
  }
  let rest = sum_of_all(lane, sum) / f32(WIDTH);
  return Moments(mean, rest.x, 1.0 / sqrt(max(rest.y - rest.x * rest.x, 0.0) + EPS));
}

fn normalised(value: f32, m: Moments) -> f32 {
  return ((value - m.mean) - m.correction) * m.scale;
}

