// C[r, j] = sum over k of A[r, k] op(B[e])[k, j] + addend(r, j), with e the expert that row r belongs to. After the
// text of tile.ts of matmul, and a header with read_addend(); TRANS_A is false.
// Mapping: every tile of TILE rows belongs to one expert, which tile_expert names: a workgroup looks it up and then is
//   an ordinary TILE_M x 64 register tile with that expert's weight as B. No readback, a fixed grid.
// Workgroup memory and barriers: as in matmul_register.wgsl. The expert is the same for the whole workgroup and read
//   from read-only storage, so that control flow stays uniform.
// Padding: rows from offsets[e] + counts[e] to the end of the tile are loaded as zeros, and get the addend alone; a tile
//   with expert -1 loads nothing.
// Where the weights of all experts cannot be bound at once, a launch has those of EXPERTS experts from FIRST on.
override R: u32;
override N: u32;
override K: u32;
override TILE: u32;
override FIRST: u32;
override EXPERTS: u32;

@group(0) @binding(3) var<storage, read> counts: array<i32>;
@group(0) @binding(4) var<storage, read> offsets: array<i32>;
@group(0) @binding(5) var<storage, read> tile_expert: array<i32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let columns = (N + TILE_N - 1u) / TILE_N;
  let blocks = (TILE + TILE_M - 1u) / TILE_M;
  let tile = group / (columns * blocks);
  if (tile >= R / TILE) { return; }
  let i = tile * TILE + group / columns % blocks * TILE_M;
  let j = group % columns * TILE_N;
  let expert = tile_expert[tile];
  let owner = u32(max(expert, 0));
  if (owner < FIRST || owner >= FIRST + EXPERTS) { return; }
  let tile_end = (tile + 1u) * TILE;
  var end = 0u;
  if (expert >= 0) {
    end = min(tile_end, u32(offsets[expert] + counts[expert]));
  }
  let x = Operand(0u, K, end, K);
  let y = Operand((owner - FIRST) * N * K, select(N, K, TRANS_B), N, K);
  var sums = array<vec4f, SUMS>();
  if (i < end) { add_products(lane, &sums, x, i, y, j, 0u, K); }
  for (var s = 0u; s < SUMS; s++) {
    let place = vec2u(i, j) + place_of_sums(lane, s);
    let at = place.x * N + place.y;
    let count = select(0u, remaining(N, place.y), place.x < tile_end);
    write_c(at, count, sums[s] + read_addend(at, count));
  }
}
