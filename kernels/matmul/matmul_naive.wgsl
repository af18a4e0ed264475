// C[b, i, j] = sum over k of op(A)[b, i, k] op(B)[b, k, j].
// Mapping: one invocation an element of C, 16 x 16 neighbours to a workgroup; rows of tiles are numbered first.
// Every invocation reads a whole row of op(A) and a whole column of op(B) from storage: 2 loads for 2 operations, and
// each element of A is read N times, each of B M times.
// Workgroup memory and barriers: none.
// Next (matmul_tiled.wgsl): the 256 invocations share what they read.
override M: u32;
override N: u32;
override K: u32;
override BATCH: u32;
override TRANS_A: bool;
override TRANS_B: bool;
const TILE = 16u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(TILE, TILE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_id) lane: vec3u) {
  let group = id.x + id.y * groups.x;
  let columns = (N + TILE - 1u) / TILE;
  let rows = (M + TILE - 1u) / TILE;
  let batch = group / (columns * rows);
  let i = group / columns % rows * TILE + lane.y;
  let j = group % columns * TILE + lane.x;
  if (batch >= BATCH || i >= M || j >= N) { return; }
  var sum = 0.0;
  for (var k = 0u; k < K; k++) {
    let at_a = batch * M * K + select(i * K + k, k * M + i, TRANS_A);
    let at_b = batch * K * N + select(k * N + j, j * K + k, TRANS_B);
    sum += a[at_a] * b[at_b];
  }
  c[(batch * M + i) * N + j] = sum;
}
