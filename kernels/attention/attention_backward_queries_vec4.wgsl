// dQ = dS K with dS = P (dOut V^T - delta) / sqrt(D) and P = e^(scores - lse), recomputed tile by tile.
//
// Workgroup of 64 lanes -> TILE queries of one (b, head); it loops over tiles of OTHERS keys:
//   scores = q k^T and slopes = dOut v^T -> dS -> sums += dS k, all in registers.
// One workgroup owns its rows of dQ: no atomics, and a fixed order of summation. The sums are gradients of the rotated
// q: they are stored, and then turned back in place. Barriers: in attention_tiles_vec4.wgsl and in turn_back().
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= total_groups) { return; }
  let first = group % blocks * TILE;
  let head = group / blocks % heads;
  let b = group / (blocks * heads);
  let own_row = first + lane / SIDE * ROWS;
  var row_lse: array<vec4f, ROW_VECTORS>;
  var row_delta: array<vec4f, ROW_VECTORS>;
  for (var r = 0u; r < ROW_VECTORS; r++) {
    let n = min(vec4u(own_row + 4u * r) + vec4u(0u, 1u, 2u, 3u), vec4u(tokens - 1u)) + (b * heads + head) * tokens;
    row_lse[r] = vec4f(stats[n.x], stats[n.y], stats[n.z], stats[n.w]);
    row_delta[r] = vec4f(stats[rows + n.x], stats[rows + n.y], stats[rows + n.z], stats[rows + n.w]);
  }
  var sums: Sums;
  let range = visible_range(first, TILE, false);
  for (var first_key = range.x; first_key < range.y; first_key += OTHERS) {
    var scores = Scores();
    add_scores(&scores, QUERY, first, KEY, first_key, b, head, lane);
    for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) {
      let score = scores[s] * score_scale - row_lse[s % ROW_VECTORS];
      scores[s] = visible(score, rows_of(own_row, s), vec4u(column_of(first_key, lane, s)));
    }
    exponentials(&scores);
    var slopes = Scores();
    add_scores(&slopes, GRAD, first, VALUE, first_key, b, head, lane);
    for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) {
      scores[s] *= (slopes[s] - row_delta[s % ROW_VECTORS]) * score_scale;
    }
    add_weighted(&sums, &scores, KEY, first_key, range.y, b, head, lane);
  }
  for (var row = 0u; row < ROWS; row++) {
    for (var g = 0u; g < GROUPS; g++) {
      let d = lane % SIDE + SIDE * g;
      if (own_row + row < tokens && d < WIDTH) { turned[q_start(b, head, own_row + row) + d] = sums[row * GROUPS + g]; }
    }
  }
  if (rotate) { turn_back(q_start(b, head, first), q_stride, first, min(TILE, tokens - first), lane); }
}
