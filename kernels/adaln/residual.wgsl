// out[b, t, c] = x[b, t, c] + vectors[b, GATE, c] * y[b, t, c].
// Mapping: one invocation an element, neighbours to neighbours. No workgroup memory, no barriers.
// Next: 16-byte loads where D is a multiple of 4.
override TOKENS: u32;
override WIDTH: u32;
override PARTS: u32;
override GATE: u32;
override SIZE: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> vectors: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 64u + lane;
  if (i >= SIZE) { return; }
  let gate = vectors[(i / (TOKENS * WIDTH) * PARTS + GATE) * WIDTH + i % WIDTH];
  result[i] = x[i] + gate * y[i];
}
