// out = softmax(q k^T / sqrt(D)) v, tile by tile (Dao et al. 2022): scores live only in registers and one tile.
//
// Workgroup of 64 lanes -> TILE queries of one (b, head); it loops over tiles of OTHERS keys:
//   scores = q k^T -> largest of each row, over the 8 lanes that share it -> weights = e^(scores - largest)
//   -> sums = sums * shrink + weights v, all in registers.
// Each lane adds up the weights of its own columns; the 8 totals of a row meet after the last tile.
// Barriers: after the largest scores are handed round and after the totals are; others in attention_tiles_vec4.wgsl.
//
// Loops over registers are short and their bodies small, so that compilers unroll them and each index is a constant.
// A next version would hand the largest scores round by subgroup operations.
override blocks: u32;   // tiles of queries in a head
override total_groups: u32;
override has_sinks: bool;

@group(0) @binding(4) var<storage, read> sinks: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;

const LOWEST = -3.0e38;   // still much larger than HIDDEN
const QUERY = 0u;
const KEY = 1u;
const VALUE = 2u;

alias Rows = array<vec4f, ROW_VECTORS>;

var<workgroup> shares: array<vec4f, SIDE * TILE / 4u>;   // [lane of the row][row / 4]

fn vector(operand: u32, b: u32, head: u32, n: u32, d: u32) -> vec4f {
  if (operand == QUERY) { return query(b, head, n, d); }
  if (operand == KEY) { return key(b, head, n, d); }
  return value(b, head, n, d);
}

fn share_at(x: u32, lane: u32, r: u32) -> u32 {
  return x * (TILE / 4u) + lane / SIDE * ROW_VECTORS + r;
}

fn scale_sums(sums: ptr<function, Sums>, factors: Rows) {
  for (var r = 0u; r < ROW_VECTORS; r++) {
    for (var g = 0u; g < GROUPS; g++) {
      (*sums)[4u * r * GROUPS + g] *= factors[r].x;
      (*sums)[(4u * r + 1u) * GROUPS + g] *= factors[r].y;
      (*sums)[(4u * r + 2u) * GROUPS + g] *= factors[r].z;
      (*sums)[(4u * r + 3u) * GROUPS + g] *= factors[r].w;
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let group = id.x + id.y * groups.x;
  if (group >= total_groups) { return; }
  let first = group % blocks * TILE;
  let head = group / blocks % heads;
  let b = group / (blocks * heads);
  let own_row = first + lane / SIDE * ROWS;
  var largest: Rows;
  var total: Rows;
  for (var r = 0u; r < ROW_VECTORS; r++) {
    largest[r] = vec4f(select(LOWEST, sinks[head], has_sinks));
    total[r] = vec4f(select(0.0, 1.0, has_sinks && lane % SIDE == 0u));
  }
  var sums: Sums;
  let range = visible_range(first, TILE, false);
  for (var first_key = range.x; first_key < range.y; first_key += OTHERS) {
    var scores = Scores();
    add_scores(&scores, QUERY, first, KEY, first_key, b, head, lane);
    for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) {
      scores[s] = visible(scores[s] * score_scale, rows_of(own_row, s), vec4u(column_of(first_key, lane, s)));
    }
    var most = largest;
    for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) { most[s % ROW_VECTORS] = max(most[s % ROW_VECTORS], scores[s]); }
    for (var r = 0u; r < ROW_VECTORS; r++) { shares[share_at(lane % SIDE, lane, r)] = most[r]; }
    workgroupBarrier();
    for (var x = 0u; x < SIDE; x++) {
      for (var r = 0u; r < ROW_VECTORS; r++) { most[r] = max(most[r], shares[share_at(x, lane, r)]); }
    }
    var shrink: Rows;
    for (var r = 0u; r < ROW_VECTORS; r++) {
      shrink[r] = exp(largest[r] - most[r]);
      total[r] *= shrink[r];
      largest[r] = most[r];
    }
    for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) {
      scores[s] = exp(scores[s] - most[s % ROW_VECTORS]);
      total[s % ROW_VECTORS] += scores[s];
    }
    scale_sums(&sums, shrink);
    add_weighted(&sums, &scores, VALUE, first_key, range.y, b, head, lane);
  }
  for (var r = 0u; r < ROW_VECTORS; r++) { shares[share_at(lane % SIDE, lane, r)] = total[r]; }
  workgroupBarrier();
  total = Rows();
  for (var x = 0u; x < SIDE; x++) {
    for (var r = 0u; r < ROW_VECTORS; r++) { total[r] += shares[share_at(x, lane, r)]; }
  }
  var inverse: Rows;
  for (var r = 0u; r < ROW_VECTORS; r++) { inverse[r] = 1.0 / total[r]; }
  scale_sums(&sums, inverse);
  let step = heads * WIDTH;
  let at = ((b * tokens + own_row) * heads + head) * WIDTH + lane % SIDE;
  for (var row = 0u; row < ROWS; row++) {
    for (var g = 0u; g < GROUPS; g++) {
      if (own_row + row < tokens && (WIDTH % SIDE == 0u || lane % SIDE + SIDE * g < WIDTH)) {
        out[at + row * step + SIDE * g] = sums[row * GROUPS + g];
      }
    }
  }
  for (var row = 0u; row < ROWS; row++) {
    if (lane % SIDE == 0u && own_row + row < tokens) {
      lse[(b * heads + head) * tokens + own_row + row] = largest[row / 4u][row % 4u] + log(total[row / 4u][row % 4u]);
    }
  }
}
