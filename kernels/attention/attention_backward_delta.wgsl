// delta[b, h, n] = sum_d dOut[b, n, h, d] out[b, n, h, d] - dLse[b, h, n]: what all scores of a row have in common
// in the softmax's backward pass. Written next to a copy of lse, so that later launches bind one buffer for both.
//
// One invocation a row (b, n, h), in the order in which `out` lies in memory. No workgroup memory, no barrier. The
// header defines Element, f32 or vec4f, and IN_VECTORS, which says whether it is the second.
override workgroup_size: u32 = 64;
override rows: u32;
override tokens: u32;
override heads: u32;
override elements: u32;    // of a row
override has_lse_grad: bool;

@group(0) @binding(0) var<storage, read> out: array<Element>;
@group(0) @binding(1) var<storage, read> grad: array<Element>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> lse_grad: array<f32>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;   // [2, B, H, N]: lse, delta

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (row >= rows) { return; }
  let n = row / heads % tokens;
  let at = (row / (heads * tokens) * heads + row % heads) * tokens + n;
  var products = Element();
  for (var i = row * elements; i < (row + 1u) * elements; i++) { products += grad[i] * out[i]; }
  // A scalar fills all components of the vector, of which one counts.
  let sum = dot(vec4f(products), select(vec4f(1.0, 0.0, 0.0, 0.0), vec4f(1.0), IN_VECTORS));
  stats[at] = lse[at];
  stats[rows + at] = sum - select(0.0, lse_grad[at], has_lse_grad);
}
