// dW[m, k] = sum over positions n of grad[m, n] windows[k, n]: the matrix product of the output's gradient with the
// transposed implicit matrix. After tile.wgsl of matmul and windows.wgsl; TRANS_A is false, TRANS_B true.
// Mapping: a workgroup is a TILE_M x 64 register tile of dW, for a range of DEPTH positions of all images. Positions are
//   many and tiles few: the ranges go to different workgroups, and matmul_sum.wgsl adds their sums in order.
// Workgroup memory and barriers: as in matmul_register.wgsl.
// Rows and columns are counted from the corner of the tile and sit above the 25 bits of a position.
override M: u32;
override K: u32;
override POSITIONS: u32;
override SPLITS: u32;
override DEPTH: u32;
const POSITION_BITS = 25u;
const POSITION_MASK = (1u << POSITION_BITS) - 1u;

@group(0) @binding(0) var<storage, read> grads: array<f32>;
@group(0) @binding(1) var<storage, read> images: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

/// Corner of the workgroup's tile: its first row and its first k.
var<private> first_row: u32;
var<private> first_k: u32;

fn read_a(at: u32, count: u32) -> vec4f {
  let n = (at & POSITION_MASK) + FOUR;
  let row = n / (GRID_ROWS * GRID_COLUMNS) * M + first_row + (at >> POSITION_BITS);
  let inside = FOUR < vec4u(count);
  let source = select(vec4u(), row * (GRID_ROWS * GRID_COLUMNS) + n % (GRID_ROWS * GRID_COLUMNS), inside);
  return select(vec4f(), vec4f(grads[source.x], grads[source.y], grads[source.z], grads[source.w]), inside);
}

fn read_b(at: u32, count: u32) -> vec4f {
  return windows(first_k + (at >> POSITION_BITS), at & POSITION_MASK, count);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let rows = (M + TILE_M - 1u) / TILE_M;
  let columns = (K + TILE_N - 1u) / TILE_N;
  let range = group / (rows * columns);
  if (range >= SPLITS) { return; }
  first_row = group / columns % rows * TILE_M;
  first_k = group % columns * TILE_N;
  let last = min(POSITIONS, (range + 1u) * DEPTH);
  let x = Operand(0u, 1u << POSITION_BITS, M - first_row, last);
  let y = Operand(0u, 1u << POSITION_BITS, K - first_k, last);
  var sums = array<vec4f, SUMS>();
  add_products(lane, &sums, x, 0u, y, 0u, range * DEPTH, last);
  for (var s = 0u; s < SUMS; s++) {
    let place = place_of_sums(lane, s);
    let count = select(0u, remaining(K - first_k, place.y), place.x < M - first_row);
    let at = (range * M + first_row + place.x) * K + first_k + place.y;
    if (count > 0u) { out[at] = sums[s].x; }
    if (count > 1u) { out[at + 1u] = sums[s].y; }
    if (count > 2u) { out[at + 2u] = sums[s].z; }
    if (count > 3u) { out[at + 3u] = sums[s].w; }
  }
}
