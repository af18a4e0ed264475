// dW[e] = sum over s of partial_w[s, e], and the same for db: the ranges of rows that linear_backward.wgsl left apart.
// Mapping: one invocation an element of dW, then of db; neighbours to neighbours.
// Order: s ascending, always: bit-reproducible.
override SPLITS: u32;
override SIZE: u32;
override N: u32;

@group(0) @binding(0) var<storage, read> partial_w: array<f32>;
@group(0) @binding(1) var<storage, read> partial_b: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<storage, read_write> db: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let e = (id.x + id.y * groups.x) * 64u + lane;
  var sum = 0.0;
  if (e < SIZE) {
    for (var s = 0u; s < SPLITS; s++) { sum += partial_w[s * SIZE + e]; }
    dw[e] = sum;
  } else if (e < SIZE + N) {
    for (var s = 0u; s < SPLITS; s++) { sum += partial_b[s * N + e - SIZE]; }
    db[e - SIZE] = sum;
  }
}
