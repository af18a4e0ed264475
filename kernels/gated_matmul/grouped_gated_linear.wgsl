// The same for rows that are sorted by expert: tile_expert names the owner of every TILE rows, whose weights are used.
// After tile_of_pairs.wgsl and tile.wgsl. Padding rows of x are zero, and so is what becomes of them.
// Mapping: as in gated_linear.wgsl; a tile with expert -1 multiplies nothing and stores zeros.
// Workgroup memory and barriers: as in grouped_matmul.wgsl; the expert is the same for the whole workgroup.
// Where the weights of all experts cannot be bound at once, a launch has those of EXPERTS experts from FIRST on.
override R: u32;
override TILE: u32;
override FIRST: u32;
override EXPERTS: u32;
@group(0) @binding(6) var<storage, read> tile_expert: array<i32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let columns = (N + HALF - 1u) / HALF;
  let blocks = (TILE + TILE_M - 1u) / TILE_M;
  let owned = group / (columns * blocks);
  if (owned >= R / TILE) { return; }
  let expert = tile_expert[owned];
  let owner = u32(max(expert, 0));
  if (owner < FIRST || owner >= FIRST + EXPERTS) { return; }
  weight_start = (owner - FIRST) * N * K;
  let i = owned * TILE + group / columns % blocks * TILE_M;
  let end = (owned + 1u) * TILE;
  let tile = group % columns;
  var sums = array<vec4f, SUMS>();
  let left = Operand(0u, K, end, K);
  let right = Operand(0u, K, columns * 64u, K);
  if (expert >= 0) { add_products(lane, &sums, left, i, right, tile * 64u, 0u, K); }
  for (var r = 0u; r < SUMS / 2u; r++) {
    let place = place_of_sums(lane, 2u * r);
    write_pair(i + place.x, i + place.x < end, tile * HALF + place.y, sums[2u * r], sums[2u * r + 1u]);
  }
}
