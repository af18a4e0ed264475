// y[row, i] = exp(x[row, i] - m) / sum over j of exp(x[row, j] - m), m = the largest x of the row.
// Subtracting m changes nothing in exact arithmetic, and keeps exp from overflowing.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text.
// Combined over the lanes: first the maxima, then the sums.
// Next: keep the row in registers between the three sweeps, instead of rereading it from the cache.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

fn handle_row(row: u32, lane: u32) {
  let start = row * WIDTH;
  var largest = -3.4028234e38;
  for (var c = lane; c < WIDTH; c += LANES) {
    largest = max(largest, x[start + c]);
  }
  largest = largest_of_all(lane, largest);
  var sum = 0.0;
  for (var c = lane; c < WIDTH; c += LANES) {
    sum += exp(x[start + c] - largest);
  }
  sum = sum_of_all(lane, sum);
  for (var c = lane; c < WIDTH; c += LANES) {
    y[start + c] = exp(x[start + c] - largest) / sum;
  }
}
