// ema += (1 - d)(value - ema); nothing where gate < 0.
// Lane: one element. No workgroup memory, no barriers.
// Written as a step towards the value: where both are equal nothing moves, whatever 1 - d rounds to.
// Next: 16-byte loads where the size is a multiple of 4.
override SIZE: u32;
override REST: f32; // 1 - decay
@group(0) @binding(0) var<storage, read_write> ema: array<f32>;
@group(0) @binding(1) var<storage, read> value: array<f32>;
@group(0) @binding(2) var<storage, read> gate: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 256u + lane;
  if (i >= SIZE || gate[0] < 0.0) { return; }
  ema[i] += REST * (value[i] - ema[i]);
}
