// out[b, m, pixel of (r, q)] = act(sum over k of weight[m, k] windows[k, (b, r, q)] + bias[m]). After tile.wgsl of matmul
// and windows.wgsl; TRANS_A and TRANS_B are false.
// Mapping: a workgroup is a TILE_M x 64 register tile, M along channels of the output, N along the positions of all
//   images; workgroups that share positions are neighbours. The tile counts rows and positions from its own corner, so
//   that the products of k and n never exceed 32 bits.
// Workgroup memory and barriers: as in matmul_register.wgsl.
// The gradient of the image is the same shader, once for each phase of the stride: WEIGHT_* say where in the weight
//   element (m, channel, i, j) lies, OUT_*, OFFSET_* and STEP_* where in the output a position lies.
// Next: split k, where a small image has too few tiles to fill a GPU.
override M: u32;
override K: u32;
override POSITIONS: u32;
override WEIGHT_BASE: i32;
override WEIGHT_ROW: i32;
override WEIGHT_CHANNEL: i32;
override WEIGHT_Y: i32;
override WEIGHT_X: i32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;
override OFFSET_Y: u32;
override OFFSET_X: u32;
override STEP_Y: u32;
override STEP_X: u32;
override BIAS: bool;
override RELU: bool;

@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read> images: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

/// Corner of the workgroup's tile: its first row and its first position.
var<private> first_row: u32;
var<private> first_position: u32;

/// `at` is the row of the tile times K, plus k.
fn read_a(at: u32, count: u32) -> vec4f {
  let k = at % max(K, 1u) + FOUR;
  let line = k / TAPS_X;
  let row = WEIGHT_BASE + i32(first_row + at / max(K, 1u)) * WEIGHT_ROW;
  let tap = vec4i(line % TAPS_Y) * WEIGHT_Y + vec4i(k % TAPS_X) * WEIGHT_X;
  let inside = FOUR < vec4u(count);
  let source = select(vec4i(), row + vec4i(line / TAPS_Y) * WEIGHT_CHANNEL + tap, inside);
  return select(vec4f(), vec4f(weights[source.x], weights[source.y], weights[source.z], weights[source.w]), inside);
}

/// `at` is k times the width of the tile, plus the position in the tile.
fn read_b(at: u32, count: u32) -> vec4f {
  return windows(at / TILE_N, first_position + at % TILE_N, count);
}

fn write_sums(row: u32, n: u32, count: u32, sums: vec4f) {
  let at = positions_of(n + FOUR);
  let line = (at.image * M + row) * OUT_HEIGHT + OFFSET_Y + at.row * STEP_Y;
  let to = line * OUT_WIDTH + OFFSET_X + at.column * STEP_X;
  var values = sums;
  if (BIAS && count > 0u) { values += bias[row]; }
  if (RELU) { values = max(values, vec4f()); }
  if (count > 0u) { out[to.x] = values.x; }
  if (count > 1u) { out[to.y] = values.y; }
  if (count > 2u) { out[to.z] = values.z; }
  if (count > 3u) { out[to.w] = values.w; }
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let rows = (M + TILE_M - 1u) / TILE_M;
  if (group / rows * TILE_N >= POSITIONS) { return; }
  first_row = group % rows * TILE_M;
  first_position = group / rows * TILE_N;
  let x = Operand(0u, K, M - first_row, K);
  let y = Operand(0u, TILE_N, POSITIONS - first_position, K);
  var sums = array<vec4f, SUMS>();
  add_products(lane, &sums, x, 0u, y, 0u, 0u, K);
  for (var s = 0u; s < SUMS; s++) {
    let place = place_of_sums(lane, s);
    let count = select(0u, remaining(POSITIONS - first_position, place.y), place.x < M - first_row);
    write_sums(first_row + place.x, first_position + place.y, count, sums[s]);
  }
}
