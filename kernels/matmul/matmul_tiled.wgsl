// C[b, i, j] = sum over k of op(A)[b, i, k] op(B)[b, k, j].
// Mapping: one invocation an element of C, 16 x 16 neighbours to a workgroup, as before.
// Workgroup memory: 16 x 16 tiles of op(A) and op(B), 1 KiB each; an invocation loads one element of each, and all
// read each other's. Storage is read 16 times less. Beyond the edges the tiles hold zeros, which add nothing.
// Barriers: after the tiles are filled, and before the next ones overwrite them. Invocations outside of C stay, since
// a barrier wants all of them.
// Next (matmul_register.wgsl): 2 workgroup loads for 2 operations are now the limit; registers are faster still.
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

var<workgroup> tile_a: array<array<f32, TILE>, TILE>;
var<workgroup> tile_b: array<array<f32, TILE>, TILE>;

@compute @workgroup_size(TILE, TILE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_id) lane: vec3u) {
  let group = id.x + id.y * groups.x;
  let columns = (N + TILE - 1u) / TILE;
  let rows = (M + TILE - 1u) / TILE;
  let batch = group / (columns * rows);
  if (batch >= BATCH) { return; }
  let i = group / columns % rows * TILE + lane.y;
  let j = group % columns * TILE + lane.x;
  var sum = 0.0;
  for (var k = 0u; k < K; k += TILE) {
    tile_a[lane.y][lane.x] = load_a(batch, i, k + lane.x);
    tile_b[lane.y][lane.x] = load_b(batch, k + lane.y, j);
    workgroupBarrier();
    for (var l = 0u; l < TILE; l++) {
      sum += tile_a[lane.y][l] * tile_b[l][lane.x];
    }
    workgroupBarrier();
  }
  if (i < M && j < N) {
    c[(batch * M + i) * N + j] = sum;
  }
}

fn load_a(batch: u32, i: u32, k: u32) -> f32 {
  if (i >= M || k >= K) { return 0.0; }
  return a[batch * M * K + select(i * K + k, k * M + i, TRANS_A)];
}

fn load_b(batch: u32, k: u32, j: u32) -> f32 {
  if (k >= K || j >= N) { return 0.0; }
  return b[batch * K * N + select(k * N + j, j * K + k, TRANS_B)];
}
