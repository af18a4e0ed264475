// The TOPK largest of the EXPERTS numbers of a row, written in ascending order of their places.
// Lane: one row. K passes find one maximum each; `>` gives ties to the lower index.
// Marks, not sentinel values, exclude what is taken: K different indices come out even where numbers are NaN.
// A last pass in ascending order writes indices and values, so nothing is sorted.
// No workgroup memory, no barriers. EXPERTS and TOPK come from a generated header.
// Next: one subgroup a row and lanes over its numbers, worth it for 64 and more.
override TOKENS: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
var<private> taken: array<bool, EXPERTS>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let token = (group.x + group.y * groups.x) * 64u + lane;
  if (token >= TOKENS) { return; }
  for (var e = 0u; e < EXPERTS; e++) { taken[e] = false; }
  for (var round = 0u; round < TOPK; round++) {
    var best = u32(EXPERTS);
    var most = 0.0;
    for (var e = 0u; e < EXPERTS; e++) {
      let value = x[token * EXPERTS + e];
      if (!taken[e] && (best == EXPERTS || value > most)) {
        best = e;
        most = value;
      }
    }
    taken[best] = true;
  }
  var at = token * TOPK;
  for (var e = 0u; e < EXPERTS; e++) {
    if (taken[e]) {
      indices[at] = i32(e);
      values[at] = x[token * EXPERTS + e];
      at++;
    }
  }
}
