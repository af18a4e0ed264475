// Rotary position embedding: (y1, y2) = (x1 cos1 - x2 sin1, x2 cos2 + x1 sin2), or the transposed matrix.
//
// x, y: [rows, D] with rows = B * N * H; table: [2, N, D], cosines then sines.
// One invocation turns one pair: invocation i -> row i / (D/2), pair i % (D/2) -> channels (first, first + half).
// Neighbouring invocations read neighbouring channels, so loads and stores coalesce. No workgroup memory, no barrier.
// `attention` goes further and turns q and k while it reads them, which saves this round trip through memory.
override workgroup_size: u32 = 64;
override pairs: u32;    // B * N * H * D / 2
override heads: u32;
override tokens: u32;
override head_dim: u32;
override half: u32;     // channels between partners
override inverse: bool;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= pairs) { return; }
  let row = i / (head_dim / 2u);
  let pair = i % (head_dim / 2u);
  let first = pair / half * 2u * half + pair % half;
  let second = first + half;
  let at = row * head_dim;
  let cos = row / heads % tokens * head_dim;
  let sin = cos + tokens * head_dim;
  let x1 = x[at + first];
  let x2 = x[at + second];
  let to_first = select(-table[sin + first], table[sin + second], inverse);
  let to_second = select(table[sin + second], -table[sin + first], inverse);
  y[at + first] = x1 * table[cos + first] + x2 * to_first;
  y[at + second] = x2 * table[cos + second] + x1 * to_second;
}
