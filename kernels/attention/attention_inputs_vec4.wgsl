// Reads q, k and v four channels at a time, for heads of whole vectors; after attention_visible.wgsl and
// attention_partners_vec4.wgsl. Operands lie as in attention_inputs.wgsl, but strides, offsets and `d` count vectors.
// With `rotate`, q and k turn by the table f32[2, N, D] on their way in:
//   (y1, y2) = (x1 cos1 - x2 sin1, x2 cos2 + x1 sin2)
// The header defines WIDTH, the vectors of a head.
override q_stride: u32;   // from one token to the next
override kv_stride: u32;
override k_offset: u32;   // from the start of a token to its first head
override v_offset: u32;
override rotate: bool;

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
