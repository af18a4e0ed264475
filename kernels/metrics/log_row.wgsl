// Log row: ring[step % capacity, column + i] = f32(value[i]), with the step in the third word of `rng`.
//
// A generated header sets `Value`, the dtype of the value. Invocation i writes element i. No workgroup memory, no
// barrier. The row is chosen on the device, so that a recorded step can be replayed without a change.
override workgroup_size: u32 = 64;
override capacity: u32;
override width: u32;
override column: u32;
override size: u32;

@group(0) @binding(0) var<storage, read_write> ring: array<f32>;
@group(0) @binding(1) var<storage, read> rng: array<u32>;
@group(0) @binding(2) var<storage, read> value: array<Value>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * workgroup_size + lane;
  if (i >= size) { return; }
  ring[rng[2] % capacity * width + column + i] = f32(value[i]);
}
