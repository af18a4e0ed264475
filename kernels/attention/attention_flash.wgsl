// out = softmax(q k^T / sqrt(D)) v, tile by tile (Dao et al. 2022): scores live only in registers and one tile.
//
// Workgroup of 64 lanes -> TILE queries of one (b, head); it loops over tiles of 32 keys:
//   scores = q k^T (registers) -> weights (workgroup memory) -> one lane a row updates the online softmax
//   (largest, total, shrink) -> sums = sums * shrink + weights v (registers).
// Barriers: after the scores are written, since a row's columns come from 8 lanes; after the row update, since all
// lanes read its results; around each chunk of operands (see attention_tiles.wgsl).
//
// Operands move one element at a time, and one lane updates a whole row while others wait: `attention_flash_vec4.wgsl`
// does neither. It needs heads of whole vectors; this version takes any.
override blocks: u32;   // tiles of queries in a head
override total_groups: u32;
override has_sinks: bool;

@group(0) @binding(4) var<storage, read> sinks: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

const LOWEST = -3.0e38;
const QUERY = 0u;
const KEY = 1u;
const VALUE = 2u;

var<workgroup> largest: array<f32, TILE>;
var<workgroup> total: array<f32, TILE>;
var<workgroup> shrink: array<f32, TILE>;

fn element(operand: u32, b: u32, head: u32, n: u32, d: u32) -> f32 {
  if (operand == QUERY) { return query(b, head, n, d); }
  if (operand == KEY) { return key(b, head, n, d); }
  return value(b, head, n, d);
}

/// Turns a row of scores into weights relative to the largest score so far.
fn update_row(row: u32, i: u32, first_key: u32) {
  let at = row * WEIGHT_STEP;
  var next = largest[row];
  for (var j = 0u; j < KEYS; j++) {
    if (sees(i, first_key + j)) { next = max(next, weights[at + j]); }
  }
  shrink[row] = exp(largest[row] - next);
  var sum = 0.0;
  for (var j = 0u; j < KEYS; j++) {
    let weight = select(0.0, exp(weights[at + j] - next), sees(i, first_key + j));
    weights[at + j] = weight;
    sum += weight;
  }
  total[row] = total[row] * shrink[row] + sum;
  largest[row] = next;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= total_groups) { return; }
  let first = group % blocks * TILE;
  let head = group / blocks % heads;
  let b = group / (blocks * heads);
  if (lane < TILE) {
    largest[lane] = select(LOWEST, sinks[head], has_sinks);
    total[lane] = select(0.0, 1.0, has_sinks);
  }
  var sums: Sums;
  let range = visible_range(first, TILE, false);
  for (var first_key = range.x; first_key < range.y; first_key += KEYS) {
    let scores = tile_scores(QUERY, first, KEY, first_key, b, head, lane);
    for (var r = 0u; r < ROWS; r++) {
      for (var c = 0u; c < COLUMNS; c++) {
        let at = (lane / SIDE + SIDE * r) * WEIGHT_STEP + lane % SIDE + SIDE * c;
        weights[at] = scores[r * COLUMNS + c] * score_scale;
      }
    }
    workgroupBarrier();
    if (lane < TILE) { update_row(lane, first + lane, first_key); }
    workgroupBarrier();
    for (var s = 0u; s < ROWS * SHARE * CHUNKS; s++) {
      sums[s] *= shrink[lane / SIDE + SIDE * (s / SHARE % ROWS)];
    }
    add_weighted(&sums, VALUE, first_key, b, head, lane);
  }
  for (var s = 0u; s < ROWS * SHARE * CHUNKS; s++) {
    let row = lane / SIDE + SIDE * (s / SHARE % ROWS);
    let d = s / (SHARE * ROWS) * CHUNK + lane % SIDE + SIDE * (s % SHARE);
    if (first + row < tokens && d < HEAD_DIM) {
      out[((b * tokens + first + row) * heads + head) * HEAD_DIM + d] = sums[s] / total[row];
    }
  }
  if (lane < TILE && first + lane < tokens) {
    lse[(b * heads + head) * tokens + first + lane] = largest[lane] + log(total[lane]);
  }
}
