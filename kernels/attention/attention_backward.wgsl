// What the launches for dQ and for dK with dV share; after attention_inputs.wgsl and attention_tiles.wgsl.
// `turned` is the gradient of q or of k: first of the rotated one, then, in place, of the one before the rotation:
//   dx1 = dy1 cos1 + dy2 sin2, dx2 = dy2 cos2 - dy1 sin1
override blocks: u32;
override total_groups: u32;
override rows: u32;   // B * H * N

@group(0) @binding(4) var<storage, read> stats: array<f32>;   // [2, B, H, N]: lse, delta
@group(0) @binding(5) var<storage, read> grad: array<f32>;
@group(0) @binding(6) var<storage, read_write> turned: array<f32>;

const QUERY = 0u;
const KEY = 1u;
const VALUE = 2u;
const GRAD = 3u;

fn element(operand: u32, b: u32, head: u32, n: u32, d: u32) -> f32 {
  if (operand == QUERY) { return query(b, head, n, d); }
  if (operand == KEY) { return key(b, head, n, d); }
  if (operand == VALUE) { return value(b, head, n, d); }
  return grad[((b * tokens + n) * heads + head) * HEAD_DIM + d];
}

/// Turns a pair of channels of token `n` back; its head starts at `start`.
fn turn_back(start: u32, n: u32, pair: u32) {
  let d = pair / partner_distance * 2u * partner_distance + pair % partner_distance;
  let one = start + d;
  let two = one + partner_distance;
  let cosine = n * HEAD_DIM + d;
  let sine = cosine + tokens * HEAD_DIM;
  let y1 = turned[one];
  let y2 = turned[two];
  turned[one] = y1 * table[cosine] + y2 * table[sine + partner_distance];
  turned[two] = y2 * table[cosine + partner_distance] - y1 * table[sine];
}

