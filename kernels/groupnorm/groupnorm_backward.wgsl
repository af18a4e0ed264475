// dx = scale * (h - mean(h) - n * mean(h * n)), with n = (x - mean) * scale the normalised element, h = g * weight[c]
// the gradient that reaches it, and means over the group.
// Mapping: an invocation is an element; SIZE of them, 256 a workgroup. No workgroup memory, no barrier.
// Next: four elements an invocation where the channels' length allows it.
override SIZE: u32;
override CHANNELS: u32;
override PIXELS: u32;     // elements of a channel
override GROUP_SIZE: u32; // elements of a group
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4f>;
@group(0) @binding(4) var<storage, read> means: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 256u + lane;
  if (i >= SIZE) { return; }
  let c = (i / PIXELS) % CHANNELS;
  let s = statistics[i / GROUP_SIZE];
  let m = means[i / GROUP_SIZE];
  let n = ((x[i] - s.x) - s.y) * s.z;
  dx[i] = s.z * (g[i] * weight[c] - m.x - n * m.y);
}
