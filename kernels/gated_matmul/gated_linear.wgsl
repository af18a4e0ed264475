// gate = x G^T, up = x U^T and hidden = silu(gate) * up in one pass over x. After tile_of_pairs.wgsl and tile.wgsl.
// Mapping: a workgroup is TILE_M rows and 32 outputs of both products, whose sums a lane holds side by side.
// Workgroup memory and barriers: as in matmul_register.wgsl of matmul.
// Next: leave gate and up out where no gradient is wanted.
override M: u32;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let columns = (N + HALF - 1u) / HALF;
  let i = group / columns * TILE_M;
  if (i >= M) { return; }
  let tile = group % columns;
  var sums = array<vec4f, SUMS>();
  let left = Operand(0u, K, M, K);
  let right = Operand(0u, K, columns * 64u, K);
  add_products(lane, &sums, left, i, right, tile * 64u, 0u, K);
  for (var r = 0u; r < SUMS / 2u; r++) {
    let place = place_of_sums(lane, 2u * r);
    write_pair(i + place.x, i + place.x < M, tile * HALF + place.y, sums[2u * r], sums[2u * r + 1u]);
  }
}
