// dQ = dS K with dS = P (dOut V^T - delta) / sqrt(D) and P = e^(scores - lse), recomputed tile by tile.
//
// Workgroup of LANES lanes -> TILE queries of one (b, head); it loops over tiles of OTHERS keys:
//   scores = q k^T and slopes = dOut v^T -> dS -> sums += dS k, all in registers.
// One workgroup owns its rows of dQ: no atomics, and a fixed order of summation. The sums are gradients of the rotated
// q: they are stored, and then turned back in place. Barriers: in attention_tiles_vec4.wgsl and in turn_back().
const D_QUERY = 0u;

fn store(result: u32, b: u32, head: u32, n: u32, d: u32, x: vec4f) {
  turned[q_start(b, head, n) + d] = x;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= total_groups) { return; }
  let first = group % blocks * TILE;
  let head = group / blocks % heads;
  let b = group / (blocks * heads);
  let own_row = first + lane / SIDE * ROWS;
  let statistics = (b * heads + head) * tokens;
  // Variables, since compilers may copy a whole array at each indexed access of a value.
  var row_lse = stats_of_rows(statistics, own_row, lane);
  var row_delta = stats_of_rows(rows + statistics, own_row, lane);
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
  store_sums(&sums, D_QUERY, b, head, own_row, lane);
  if (rotate) { turn_back(q_start(b, head, first), q_stride, first, min(TILE, tokens - first), lane); }
}
