// out[t, indices[t, k]] = grad[t, k]; 0 elsewhere.
// Lane: one row, the owner of its row of the gradient: zeros first, then K values; no two lanes meet.
// No workgroup memory, no barriers. EXPERTS and TOPK come from a generated header.
// Next: lanes over columns, so that the zeros are written contiguously.
override TOKENS: u32;
@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read> grad: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let token = (group.x + group.y * groups.x) * 64u + lane;
  if (token >= TOKENS) { return; }
  for (var e = 0u; e < EXPERTS; e++) { out[token * EXPERTS + e] = 0.0; }
  for (var k = token * TOPK; k < token * TOPK + TOPK; k++) {
    out[token * EXPERTS + u32(indices[k])] = grad[k];
  }
}
