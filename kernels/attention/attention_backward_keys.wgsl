// dV = P^T dOut and dK = dS^T Q with dS = P (dOut V^T - delta) / sqrt(D) and P = e^(scores - lse), recomputed.
//
// Workgroup of 64 lanes -> TILE keys of one (b, key head); it loops over the query heads that share the key head,
// and over tiles of 32 queries, always in this order:
//   scores = k q^T and slopes = v dOut^T (registers) -> P^T (workgroup memory) -> dv_sums += P^T dOut
//   -> dS^T (workgroup memory) -> dk_sums += dS^T q.
// One workgroup owns its rows of dK and dV: no atomics. Barriers as in attention_tiles.wgsl, and one before dS^T
// overwrites P^T. dK is stored and turned back in place after a storage barrier, as in the launch for dQ.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= total_groups) { return; }
  let first = group % blocks * TILE;
  let shared_by = heads / kv_heads;
  let first_head = group / blocks % kv_heads * shared_by;
  let b = group / (blocks * kv_heads);
  var dk_sums: Sums;
  var dv_sums: Sums;
  let range = visible_range(first, TILE, true);
  for (var head = first_head; head < first_head + shared_by; head++) {
    for (var first_query = range.x; first_query < range.y; first_query += KEYS) {
      let scores = tile_scores(KEY, first, QUERY, first_query, b, head, lane);
      let slopes = tile_scores(VALUE, first, GRAD, first_query, b, head, lane);
      var scores_grad: Scores;
      for (var s = 0u; s < ROWS * COLUMNS; s++) {
        let row = lane / SIDE + SIDE * (s / COLUMNS);
        let column = lane % SIDE + SIDE * (s % COLUMNS);
        let at = (b * heads + head) * tokens + min(first_query + column, tokens - 1u);
        let p = select(0.0, exp(scores[s] * score_scale - stats[at]), sees(first_query + column, first + row));
        weights[row * WEIGHT_STEP + column] = p;
        scores_grad[s] = p * (slopes[s] - stats[rows + at]) * score_scale;
      }
      add_weighted(&dv_sums, GRAD, first_query, b, head, lane);
      workgroupBarrier();
      for (var s = 0u; s < ROWS * COLUMNS; s++) {
        let row = lane / SIDE + SIDE * (s / COLUMNS);
        weights[row * WEIGHT_STEP + lane % SIDE + SIDE * (s % COLUMNS)] = scores_grad[s];
      }
      add_weighted(&dk_sums, QUERY, first_query, b, head, lane);
    }
  }
  for (var s = 0u; s < ROWS * SHARE * CHUNKS; s++) {
    let n = first + lane / SIDE + SIDE * (s / SHARE % ROWS);
    let d = s / (SHARE * ROWS) * CHUNK + lane % SIDE + SIDE * (s % SHARE);
    if (n >= tokens || d >= HEAD_DIM) { continue; }
    let start = kv_start(b, first_head, n) + d;
    turned[start + k_offset] = dk_sums[s];
    store_dv(start + v_offset, dv_sums[s]);
  }
  storageBarrier();
  for (var i = lane; rotate && i < TILE * (HEAD_DIM / 2u); i += LANES) {
    let n = first + i / (HEAD_DIM / 2u);
    if (n < tokens) { turn_back(kv_start(b, first_head, n) + k_offset, n, i % (HEAD_DIM / 2u)); }
  }
}
