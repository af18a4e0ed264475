// dV = P^T dOut and dK = dS^T Q with dS = P (dOut V^T - delta) / sqrt(D) and P = e^(scores - lse), recomputed.
//
// Workgroup of LANES lanes -> TILE keys of one (b, key head); it loops over the query heads that share the key head,
// and over tiles of OTHERS queries, always in this order:
//   scores = k q^T -> P^T, slopes = v dOut^T -> dS^T -> dv_sums += P^T dOut -> dk_sums += dS^T q, all in registers.
// One workgroup owns its rows of dK and dV: no atomics. dK is stored and turned back in place, with barriers as in the
// launch for dQ.
const D_KEY = 0u;
const D_VALUE = 1u;

fn store(result: u32, b: u32, head: u32, n: u32, d: u32, x: vec4f) {
  let start = kv_start(b, head, n) + d;
  if (result == D_KEY) { turned[start + k_offset] = x; } else { store_dv(start + v_offset, x); }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= total_groups) { return; }
  let first = group % blocks * TILE;
  let shared_by = heads / kv_heads;
  let first_head = group / blocks % kv_heads * shared_by;
  let b = group / (blocks * kv_heads);
  let own_row = first + lane / SIDE * ROWS;
  var dk_sums: Sums;
  var dv_sums: Sums;
  let range = visible_range(first, TILE, true);
  for (var head = first_head; head < first_head + shared_by; head++) {
    for (var first_query = range.x; first_query < range.y; first_query += OTHERS) {
      var scores = Scores();
      add_scores(&scores, KEY, first, QUERY, first_query, b, head, lane);
      var column_delta: array<f32, COLUMNS>;
      for (var c = 0u; c < COLUMNS; c++) {
        let at = (b * heads + head) * tokens + min(column_of(first_query, lane, c * ROW_VECTORS), tokens - 1u);
        column_delta[c] = stats[rows + at];
        for (var r = 0u; r < ROW_VECTORS; r++) {
          let s = c * ROW_VECTORS + r;
          scores[s] = scores[s] * score_scale - stats[at];
        }
      }
      for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) {
        scores[s] = visible(scores[s], vec4u(column_of(first_query, lane, s)), rows_of(own_row, s));
      }
      exponentials(&scores);
      var slopes = Scores();
      add_scores(&slopes, VALUE, first, GRAD, first_query, b, head, lane);
      for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) {
        slopes[s] = scores[s] * (slopes[s] - column_delta[s / ROW_VECTORS]) * score_scale;
      }
      add_weighted(&dv_sums, &scores, GRAD, first_query, range.y, b, head, lane);
      add_weighted(&dk_sums, &slopes, QUERY, first_query, range.y, b, head, lane);
    }
  }
  store_sums(&dk_sums, D_KEY, b, first_head, own_row, lane);
  store_sums(&dv_sums, D_VALUE, b, first_head, own_row, lane);
  let start = kv_start(b, first_head, first) + k_offset;
  if (rotate) { turn_back(start, kv_stride, first, min(TILE, tokens - first), lane); }
}
