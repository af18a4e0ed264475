// Reads q, k and v where they are, for heads of any even size; after attention_visible.wgsl. q may be f32[B, N, H, D]
// and k, v f32[B, N, Hkv, D], or all three one packed f32[B, N, 3, H, D]: then the three bindings are one buffer, and
// strides and offsets tell them apart. With `rotate`, q and k turn by the table f32[2, N, D] on their way in:
//   (y1, y2) = (x1 cos1 - x2 sin1, x2 cos2 + x1 sin2)
// where partners are `partner_distance` channels apart. The header defines HEAD_DIM.
override q_stride: u32;   // elements from one token to the next
override kv_stride: u32;
override k_offset: u32;   // elements from the start of a token to its first head
override v_offset: u32;
override rotate: bool;
override partner_distance: u32;

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> table: array<f32>;

fn q_start(b: u32, head: u32, n: u32) -> u32 {
  return (b * tokens + n) * q_stride + head * HEAD_DIM;
}

fn kv_start(b: u32, head: u32, n: u32) -> u32 {
  return (b * tokens + n) * kv_stride + head / (heads / kv_heads) * HEAD_DIM;
}

/// Whether channel `d` is in the first half of its block.
fn leads(d: u32) -> bool {
  return d % (2u * partner_distance) < partner_distance;
}

fn partner(d: u32) -> u32 {
  return select(d - partner_distance, d + partner_distance, leads(d));
}

fn turn(x: f32, other: f32, n: u32, d: u32) -> f32 {
  let sine = table[(tokens + n) * HEAD_DIM + d];
  return x * table[n * HEAD_DIM + d] + other * select(sine, -sine, leads(d));
}

fn query(b: u32, head: u32, n: u32, d: u32) -> f32 {
  let at = q_start(b, head, n);
  if (!rotate) { return q[at + d]; }
  return turn(q[at + d], q[at + partner(d)], n, d);
}

fn key(b: u32, head: u32, n: u32, d: u32) -> f32 {
  let at = kv_start(b, head, n) + k_offset;
  if (!rotate) { return k[at + d]; }
  return turn(k[at + d], k[at + partner(d)], n, d);
}

fn value(b: u32, head: u32, n: u32, d: u32) -> f32 {
  return v[kv_start(b, head, n) + v_offset + d];
}
