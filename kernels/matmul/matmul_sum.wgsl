// c[e] = sum over s of partial[s, e]: the ranges of k that matmul_register.wgsl left apart.
// Mapping: one invocation an element, neighbours to neighbours.
// Order: s ascending, always: bit-reproducible.
override SPLITS: u32;
override SIZE: u32;

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let e = (id.x + id.y * groups.x) * 64u + lane;
  if (e >= SIZE) { return; }
  var sum = 0.0;
  for (var s = 0u; s < SPLITS; s++) {
    sum += partial[s * SIZE + e];
  }
  c[e] = sum;
}
