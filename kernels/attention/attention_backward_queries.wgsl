// dQ = dS K with dS = P (dOut V^T - delta) / sqrt(D) and P = e^(scores - lse), recomputed tile by tile.
//
// Workgroup of 64 lanes -> TILE queries of one (b, head); it loops over tiles of 32 keys:
//   scores = q k^T and slopes = dOut v^T (registers) -> dS (workgroup memory) -> sums += dS k (registers).
// One workgroup owns its rows of dQ: no atomics, and a fixed order of summation. Barriers as in attention_tiles.wgsl.
// The sums are gradients of the rotated q. They are stored, and after a storage barrier (which orders them within
// the workgroup that owns the rows) each lane turns pairs of channels back in place.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= total_groups) { return; }
  let first = group % blocks * TILE;
  let head = group / blocks % heads;
  let b = group / (blocks * heads);
  var sums: Sums;
  let range = visible_range(first, TILE, false);
  for (var first_key = range.x; first_key < range.y; first_key += KEYS) {
    let scores = tile_scores(QUERY, first, KEY, first_key, b, head, lane);
    let slopes = tile_scores(GRAD, first, VALUE, first_key, b, head, lane);
    for (var s = 0u; s < ROWS * COLUMNS; s++) {
      let row = lane / SIDE + SIDE * (s / COLUMNS);
      let column = lane % SIDE + SIDE * (s % COLUMNS);
      let at = (b * heads + head) * tokens + min(first + row, tokens - 1u);
      let p = select(0.0, exp(scores[s] * score_scale - stats[at]), sees(first + row, first_key + column));
      weights[row * WEIGHT_STEP + column] = p * (slopes[s] - stats[rows + at]) * score_scale;
    }
    add_weighted(&sums, KEY, first_key, b, head, lane);
  }
  for (var s = 0u; s < ROWS * SHARE * CHUNKS; s++) {
    let n = first + lane / SIDE + SIDE * (s / SHARE % ROWS);
    let d = s / (SHARE * ROWS) * CHUNK + lane % SIDE + SIDE * (s % SHARE);
    if (n < tokens && d < HEAD_DIM) { turned[q_start(b, head, n) + d] = sums[s]; }
  }
  storageBarrier();
  for (var i = lane; rotate && i < TILE * (HEAD_DIM / 2u); i += LANES) {
    let n = first + i / (HEAD_DIM / 2u);
    if (n < tokens) { turn_back(q_start(b, head, n), n, i % (HEAD_DIM / 2u)); }
  }
}
