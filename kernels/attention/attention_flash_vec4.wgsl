// out = softmax(q k^T / sqrt(D)) v, tile by tile (Dao et al. 2022): scores live only in registers and one tile.
//
// Workgroup of LANES lanes -> TILE queries of one (b, head); it loops over tiles of OTHERS keys:
//   scores = q k^T -> largest of each row, over the 8 lanes that share it -> weights = e^(scores - largest)
//   -> sums = sums * shrink + weights v, all in registers.
// Each lane adds up the weights of its own columns; the 8 totals of a row meet after the last tile.
// Barriers: in attention_tiles_vec4.wgsl, and none with attention_tiles_subgroup.wgsl.
//
// Loops over registers are short and their bodies small, so that compilers unroll them and each index is a constant.
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
const OUT = 0u;

fn vector(operand: u32, b: u32, head: u32, n: u32, d: u32) -> vec4f {
  if (operand == QUERY) { return query(b, head, n, d); }
  if (operand == KEY) { return key(b, head, n, d); }
  return value(b, head, n, d);
}

fn store(result: u32, b: u32, head: u32, n: u32, d: u32, x: vec4f) {
  out[((b * tokens + n) * heads + head) * WIDTH + d] = x;
}

/// The value of row `row` of a lane.
fn value_of(values: Rows, row: u32) -> f32 {
  var x = 0.0;
  for (var r = 0u; r < ROW_VECTORS; r++) {
    x += dot(select(vec4f(), values[r], rows_of(0u, r) == vec4u(row)), vec4f(1.0));
  }
  return x;
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

@compute @workgroup_size(LANES)
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
    most = largest_of_rows(most, lane);
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
  total = total_of_rows(total, lane);
  var inverse: Rows;
  for (var r = 0u; r < ROW_VECTORS; r++) { inverse[r] = 1.0 / total[r]; }
  scale_sums(&sums, inverse);
  store_sums(&sums, OUT, b, head, own_row, lane);
  for (var r = 0u; r < ROW_VECTORS; r++) { total[r] = largest[r] + log(total[r]); }
  for (var row = lane % SIDE; row < ROWS; row += SIDE) {
    if (own_row + row < tokens) { lse[(b * heads + head) * tokens + own_row + row] = value_of(total, row); }
  }
}
