// Reads q, k and v four channels at a time, for heads of whole vectors; after attention_visible.wgsl. Operands lie as
// in attention_inputs.wgsl, but strides, offsets and `d` count vectors. With `rotate`, q and k turn by the table
// f32[2, N, D] on their way in:
//   (y1, y2) = (x1 cos1 - x2 sin1, x2 cos2 + x1 sin2)
// Partners are `partner_distance` channels apart. At a distance of one they share a vector; at a multiple of four they
// are a vector of their own; at any other even distance, the second half of one vector and the first of another.
// The header defines WIDTH, the vectors of a head.
override q_stride: u32;   // from one token to the next
override kv_stride: u32;
override k_offset: u32;   // from the start of a token to its first head
override v_offset: u32;
override rotate: bool;
override partner_distance: u32;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> table: array<vec4f>;

fn q_start(b: u32, head: u32, n: u32) -> u32 {
  return (b * tokens + n) * q_stride + head * WIDTH;
}

fn kv_start(b: u32, head: u32, n: u32) -> u32 {
  return (b * tokens + n) * kv_stride + head / (heads / kv_heads) * WIDTH;
}

/// Whether a channel is in the first half of its block.
fn leads(channel: u32) -> bool {
  return channel % (2u * partner_distance) < partner_distance;
}

/// Vectors with the partners of the first and of the second half of vector `d`.
fn partners(d: u32) -> vec2u {
  let channel = vec2u(4u * d, 4u * d + 2u);
  let leading = vec2<bool>(leads(channel.x), leads(channel.y));
  return select(channel - partner_distance, channel + partner_distance, leading) / 4u;
}

fn in_one_vector() -> bool {
  return partner_distance == 1u;
}

fn in_two_vectors() -> bool {
  return partner_distance % 4u == 2u;
}

/// -1 for the channels of vector `d` that are in the first half of their block, 1 for the others.
fn sides(d: u32) -> vec4f {
  if (in_one_vector()) { return vec4f(-1.0, 1.0, -1.0, 1.0); }
  let sides = select(vec2f(1.0), vec2f(-1.0), vec2<bool>(leads(4u * d), leads(4u * d + 2u)));
  return sides.xxyy;
}

fn turn(x: vec4f, partner: vec4f, n: u32, d: u32) -> vec4f {
  return x * table[n * WIDTH + d] + partner * sides(d) * table[(tokens + n) * WIDTH + d];
}

fn query(b: u32, head: u32, n: u32, d: u32) -> vec4f {
  let at = q_start(b, head, n);
  let x = q[at + d];
  if (!rotate) { return x; }
  if (in_one_vector()) { return turn(x, x.yxwz, n, d); }
  let other = partners(d);
  if (in_two_vectors()) { return turn(x, vec4f(q[at + other.x].zw, q[at + other.y].xy), n, d); }
  return turn(x, q[at + other.x], n, d);
}

fn key(b: u32, head: u32, n: u32, d: u32) -> vec4f {
  let at = kv_start(b, head, n) + k_offset;
  let x = k[at + d];
  if (!rotate) { return x; }
  if (in_one_vector()) { return turn(x, x.yxwz, n, d); }
  let other = partners(d);
  if (in_two_vectors()) { return turn(x, vec4f(k[at + other.x].zw, k[at + other.y].xy), n, d); }
  return turn(x, k[at + other.x], n, d);
}

fn value(b: u32, head: u32, n: u32, d: u32) -> vec4f {
  return v[kv_start(b, head, n) + v_offset + d];
}
