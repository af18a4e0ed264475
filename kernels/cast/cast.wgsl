// y_t[i] = x_t[i] of several tensors t, between f32 and f16.
// Mapping: one invocation an element, or four where all sizes are multiples of four, of each tensor in turn; the grid
//   has as many as the largest tensor wants. The header declares the tensors and convert(i), which does it.
// The header says f32 for both sides, as all sources do; the storage types of the buffers make the difference.
// No workgroup memory, no barriers. Next: nothing; it moves each number once.

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  convert((group.x + group.y * groups.x) * 64u + lane);
}
