// s = sigmoid(logits); the top K of s + bias among the best groups; weights = s / (sum s + 1e-20) * scaling.
// Lane: one token. Its E biased scores and their marks are private (registers, or local memory when E is large).
// A maximum is found by one pass over the scores, K passes in all; `>` gives ties to the lower index.
// Marks, not sentinel scores, exclude what is taken: K different indices come out even where scores are NaN.
// A last pass in ascending order writes indices and weights, so nothing is sorted.
// No workgroup memory, no barriers. EXPERTS, GROUPS, KEPT_GROUPS, TOPK come from a generated header.
// Next: one subgroup a token and lanes over experts, worth it for E of 64 and more.
const GROUP_SIZE = EXPERTS / GROUPS;
override TOKENS: u32;
override SCALING: f32;
override NORMALIZE: bool;
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> weights: array<f32>;
var<private> biased: array<f32, EXPERTS>;
var<private> taken: array<bool, EXPERTS>;
var<private> groupScore: array<f32, GROUPS>;
var<private> groupKept: array<bool, GROUPS>;

fn sigmoid(x: f32) -> f32 {
  return 1.0 / (1.0 + exp(-max(x, -80.0)));
}

fn score_groups() {
  for (var g = 0u; g < GROUPS; g++) {
    var first = -3.0e38;
    var second = -3.0e38;
    for (var i = 0u; i < GROUP_SIZE; i++) {
      let score = biased[g * GROUP_SIZE + i];
      if (score > first) {
        second = first;
        first = score;
      } else if (score > second) {
        second = score;
      }
    }
    groupScore[g] = first + second;
    groupKept[g] = false;
  }
}

fn drop_groups() {
  score_groups();
  for (var round = 0u; round < KEPT_GROUPS; round++) {
    var best = u32(GROUPS);
    var most = 0.0;
    for (var g = 0u; g < GROUPS; g++) {
      if (!groupKept[g] && (best == GROUPS || groupScore[g] > most)) {
        best = g;
        most = groupScore[g];
      }
    }
    groupKept[best] = true;
  }
  for (var e = 0u; e < EXPERTS; e++) {
    if (!groupKept[e / GROUP_SIZE]) { biased[e] = 0.0; }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let token = (group.x + group.y * groups.x) * 64u + lane;
  if (token >= TOKENS) { return; }
  for (var e = 0u; e < EXPERTS; e++) {
    biased[e] = sigmoid(logits[token * EXPERTS + e]) + bias[e];
    taken[e] = false;
  }
  if (KEPT_GROUPS < GROUPS) { drop_groups(); }
  var sum = 0.0;
  for (var round = 0u; round < TOPK; round++) {
    var best = u32(EXPERTS);
    var most = 0.0;
    for (var e = 0u; e < EXPERTS; e++) {
      if (!taken[e] && (best == EXPERTS || biased[e] > most)) {
        best = e;
        most = biased[e];
      }
    }
    taken[best] = true;
    sum += sigmoid(logits[token * EXPERTS + best]);
  }
  var factor = SCALING;
  if (NORMALIZE) { factor = SCALING / (sum + 1e-20); }
  var at = token * TOPK;
  for (var e = 0u; e < EXPERTS; e++) {
    if (taken[e]) {
      indices[at] = i32(e);
      weights[at] = sigmoid(logits[token * EXPERTS + e]) * factor;
      at++;
    }
  }
}
