// Turns q or k ahead of launches that would turn each vector many times; with `inverse`, their gradients back:
//   y = x cos + s x' sin and dx = dy cos - s dy' sin',  s = -1 in the first half of a block and 1 in the second
// with x' the partner of x. x, rotated: [B, N, stride], of which `heads` heads from the start of a token on are turned;
// table: [2, N, D], cosines and sines.
// One invocation turns vector d of all heads of a token: invocation i -> token i / WIDTH of B N, d = i % WIDTH. It
// reads cosines and sines once. No workgroup memory, no barrier. After attention_partners_vec4.wgsl.
override workgroup_size: u32 = 64;
override total: u32;   // B * N * WIDTH
override tokens: u32;
override heads: u32;
override stride: u32;   // vectors from one token to the next
override inverse: bool;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> table: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> rotated: array<vec4f>;

/// Partners of the four channels of a vector, from vectors that start at `start`.
fn partner(start: u32, d: u32) -> vec4f {
  if (in_one_vector()) { return x[start + d].yxwz; }
  let other = partners(d);
  if (in_two_vectors()) { return vec4f(x[start + other.x].zw, x[start + other.y].xy); }
  return x[start + other.x];
}

/// What partners are multiplied by: sines of the channels, or, on the way back, those of the partners.
fn factors(start: u32, d: u32) -> vec4f {
  if (!inverse) { return sides(d) * table[start + d]; }
  if (in_one_vector()) { return -sides(d) * table[start + d].yxwz; }
  let other = partners(d);
  if (in_two_vectors()) { return -sides(d) * vec4f(table[start + other.x].zw, table[start + other.y].xy); }
  return -sides(d) * table[start + other.x];
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= total) { return; }
  let d = i % WIDTH;
  let token = i / WIDTH;
  let n = token % tokens;
  let cosine = table[n * WIDTH + d];
  let sine = factors((tokens + n) * WIDTH, d);
  for (var head = 0u; head < heads; head++) {
    let start = token * stride + head * WIDTH;
    rotated[start + d] = x[start + d] * cosine + partner(start, d) * sine;
  }
}
