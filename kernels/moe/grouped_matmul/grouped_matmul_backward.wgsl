// C[e, i, j] = sum over the rows r of expert e of A[r, i] B[r, j]: the gradient of the experts' weights. After
// the text of tile.ts of matmul; TRANS_A is true, TRANS_B false.
// Mapping: a workgroup is a TILE_M x 64 tile of one expert's gradient. It walks the rows of that expert only, from
//   offsets[e], counts[e] of them: a loop whose length the GPU finds out by itself.
// Workgroup memory and barriers: as in matmul_register.wgsl; the length is the same for the whole workgroup.
// An expert without rows walks none and stores zeros.
// Where not all of C can be bound at once, a launch has EXPERTS experts from FIRST on.
// Next: split the rows of a crowded expert, where one expert has most of them.
override M: u32;
override N: u32;
override FIRST: u32;
override EXPERTS: u32;

@group(0) @binding(3) var<storage, read> counts: array<i32>;
@group(0) @binding(4) var<storage, read> offsets: array<i32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  let rows = (M + TILE_M - 1u) / TILE_M;
  let columns = (N + TILE_N - 1u) / TILE_N;
  let expert = group / (rows * columns);
  if (expert >= EXPERTS) { return; }
  let i = group / columns % rows * TILE_M;
  let j = group % columns * TILE_N;
  let first = u32(offsets[FIRST + expert]);
  let last = first + u32(counts[FIRST + expert]);
  let x = Operand(0u, M, M, last);
  let y = Operand(0u, N, N, last);
  var sums = array<vec4f, SUMS>();
  add_products(lane, &sums, x, i, y, j, first, last);
  for (var s = 0u; s < SUMS; s++) {
    let place = vec2u(i, j) + place_of_sums(lane, s);
    write_c((expert * M + place.x) * N + place.y, select(0u, remaining(N, place.y), place.x < M), sums[s]);
  }
}
