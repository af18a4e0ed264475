// Embedding: y[n, d] = table[clamp(indices[n], 0, V - 1), d].
//
// One invocation moves one element: invocation i -> row i / D, channel i % D. The lanes of a row read one index and
// neighbouring channels of one row of the table. The clamp keeps a wrong index from reading elsewhere.
// No workgroup memory, no barrier.
override workgroup_size: u32 = 64;
override rows: u32;   // V
override width: u32;  // D
override size: u32;   // N * D

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= size) { return; }
  let row = u32(clamp(indices[i / width], 0, i32(rows) - 1));
  y[i] = table[row * width + i % width];
}
