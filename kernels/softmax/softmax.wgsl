// y[row, i] = exp(x[row, i] - m) / sum over j of exp(x[row, j] - m), m = the largest x of the row.
// Subtracting m changes nothing in exact arithmetic, and keeps exp from overflowing.
// Mapping, workgroup memory and barriers: those of kernels/reduce/row_by_*.wgsl, which stands in front of this text.
// Combined over the lanes: first the maxima, then the sums.
// Next: keep the row in registers between the three sweeps, instead of rereading it from the cache.
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) index: u32) {
  let row = row_of(id.x + id.y * groups.x, index);
  let lane = index % LANES;
  if (row >= ROWS) { return; }
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
