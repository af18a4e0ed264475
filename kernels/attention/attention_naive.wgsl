// out[i] = sum_j softmax_j(q_i k_j / sqrt(D)) v_j with an online softmax: no row of scores is ever stored.
//
// One invocation a query row (b, head, i). It walks over the keys it sees and keeps in registers the query, the
// largest score so far, the sum of e^(score - largest) and the weighted sum of values; a larger score shrinks both
// sums by e^(old - new). A sink starts the sum with one score and no value. No workgroup memory, no barrier.
//
// Every row reads all keys and values from memory by itself, and turns the keys again: N reads of each.
// `attention_flash.wgsl` shares each tile of keys between 32 queries.
override workgroup_size: u32 = 64;
override rows: u32;
override has_sinks: bool;

@group(0) @binding(4) var<storage, read> sinks: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

const LOWEST = -3.0e38;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let row = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (row >= rows) { return; }
  let i = row % tokens;
  let head = row / tokens % heads;
  let b = row / (tokens * heads);
  var own: array<f32, HEAD_DIM>;
  for (var d = 0u; d < HEAD_DIM; d++) { own[d] = query(b, head, i, d) * score_scale; }
  var sum: array<f32, HEAD_DIM>;
  var largest = select(LOWEST, sinks[head], has_sinks);
  var total = select(0.0, 1.0, has_sinks);
  for (var j = 0u; j < tokens; j++) {
    if (!sees(i, j)) { continue; }
    var score = 0.0;
    for (var d = 0u; d < HEAD_DIM; d++) { score += own[d] * key(b, head, j, d); }
    let next = max(largest, score);
    let shrink = exp(largest - next);
    let weight = exp(score - next);
    total = total * shrink + weight;
    for (var d = 0u; d < HEAD_DIM; d++) { sum[d] = sum[d] * shrink + weight * value(b, head, j, d); }
    largest = next;
  }
  let at = ((b * tokens + i) * heads + head) * HEAD_DIM;
  for (var d = 0u; d < HEAD_DIM; d++) { out[at + d] = sum[d] / total; }
  lse[row] = largest + log(total);
}
