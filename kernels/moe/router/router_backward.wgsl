// With s_k = sigmoid(logits[e_k]), S = sum s + 1e-20, m = sum(g s) / S:
// d logits[e_k] = scaling / S * (g_k - m) * s_k (1 - s_k); without normalisation S = 1 and m = 0. 0 elsewhere.
// Lane: one token, the owner of its row of the gradient: zeros first, then K values; no two lanes meet.
// No workgroup memory, no barriers. TOPK comes from a generated header.
// Next: lanes over experts, so that the zeros are written contiguously.
override TOKENS: u32;
override EXPERTS: u32;
override SCALING: f32;
override NORMALIZE: bool;
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read> grad: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let token = (group.x + group.y * groups.x) * 64u + lane;
  if (token >= TOKENS) { return; }
  var scores: array<f32, TOPK>;
  var sum = 0.0;
  var dot = 0.0;
  for (var k = 0u; k < TOPK; k++) {
    let x = logits[token * EXPERTS + u32(indices[token * TOPK + k])];
    scores[k] = 1.0 / (1.0 + exp(-max(x, -80.0)));
    sum += scores[k];
    dot += scores[k] * grad[token * TOPK + k];
  }
  var factor = SCALING;
  var mean = 0.0;
  if (NORMALIZE) {
    factor = SCALING / (sum + 1e-20);
    mean = dot / (sum + 1e-20);
  }
  for (var e = 0u; e < EXPERTS; e++) { out[token * EXPERTS + e] = 0.0; }
  for (var k = 0u; k < TOPK; k++) {
    let slope = scores[k] * (1.0 - scores[k]);
    let at = token * EXPERTS + u32(indices[token * TOPK + k]);
    out[at] = factor * (grad[token * TOPK + k] - mean) * slope;
  }
}
