// rows[r, d] = x[slot[r] / K, d]; 0 where slot[r] < 0.
// Workgroup r: row r. Lane l: channels l, l + 64, ..., so that loads and stores are contiguous across lanes.
// No workgroup memory, no barriers. Rows that are padding are written too: the grouped matmul reads whole tiles.
// Next: 16-byte loads where D is a multiple of 4; reading x through the slot inside the grouped matmul.
override R: u32;
override K: u32;
override D: u32;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> slot: array<i32>;
@group(0) @binding(2) var<storage, read_write> rows: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let r = group.x + group.y * groups.x;
  if (r >= R) { return; }
  let pair = slot[r];
  for (var d = lane; d < D; d += 64u) {
    var value = 0.0;
    if (pair >= 0) { value = x[u32(pair) / K * D + d]; }
    rows[r * D + d] = value;
  }
}
