// What the vectorised launches for dQ and for dK with dV share; after the tile text. `turned` is the
// gradient of q or of k: first of the rotated one, then, in place, of the one before the rotation:
//   dx1 = dy1 cos1 + dy2 sin2, dx2 = dy2 cos2 - dy1 sin1
override blocks: u32;
override total_groups: u32;
override rows: u32;   // B * H * N

@group(0) @binding(4) var<storage, read> stats: array<f32>;   // [2, B, H, N]: lse, delta
@group(0) @binding(5) var<storage, read> grad: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> turned: array<vec4f>;

const ROWS_AT_ONCE = LANES / WIDTH;
const QUERY = 0u;
const KEY = 1u;
const VALUE = 2u;
const GRAD = 3u;

fn vector(operand: u32, b: u32, head: u32, n: u32, d: u32) -> vec4f {
  if (operand == QUERY) { return query(b, head, n, d); }
  if (operand == KEY) { return key(b, head, n, d); }
  if (operand == VALUE) { return value(b, head, n, d); }
  return grad[((b * tokens + n) * heads + head) * WIDTH + d];
}

fn exponentials(scores: ptr<function, Scores>) {
  for (var s = 0u; s < COLUMNS * ROW_VECTORS; s++) { (*scores)[s] = exp((*scores)[s]); }
}

/// Vector `d` of the gradient at `start` of token `n`, before the rotation.
fn turned_back(start: u32, n: u32, d: u32) -> vec4f {
  let cosine = n * WIDTH;
  let sine = cosine + tokens * WIDTH;
  let y = turned[start + d];
  let own = y * table[cosine + d];
  if (in_one_vector()) { return own - sides(d) * y.yxwz * table[sine + d].yxwz; }
  let other = partners(d);
  let first = turned[start + other.x] * table[sine + other.x];
  if (!in_two_vectors()) { return own - sides(d) * first; }
  let second = turned[start + other.y] * table[sine + other.y];
  return own - sides(d) * vec4f(first.zw, second.xy);
}

/// Turns the gradient of `count` tokens from `first` on back in place; it starts at `start`. A whole row of vectors is
/// read before any of it is overwritten: hence a storage barrier between the two, and one after the sums are stored.
fn turn_back(start: u32, stride: u32, first: u32, count: u32, lane: u32) {
  storageBarrier();
  let d = lane % WIDTH;
  for (var row = 0u; row < count; row += ROWS_AT_ONCE) {
    let own = row + lane / WIDTH;
    let mine = lane / WIDTH < ROWS_AT_ONCE && own < count;
    var x = vec4f();
    if (mine) { x = turned_back(start + own * stride, first + own, d); }
    storageBarrier();
    if (mine) { turned[start + own * stride + d] = x; }
  }
}
