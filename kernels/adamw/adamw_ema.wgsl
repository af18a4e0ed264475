// As adamw.wgsl, then ema += (1 - d)(p - ema) with the new p: one pass over memory for both.
// Lane: one element; consecutive lanes touch consecutive words of all five arrays.
// The coefficients of its line's slot: (lr wd, lr / c1, 1 / sqrt(c2), gate); -1 in place of the gate: only the average moves; -2: nothing.
// No workgroup memory, no barriers.
// Next: 16-byte loads where a line is a multiple of 4.
override SIZE: u32;
override LINE: u32; // elements that share a row of the coefficients
override REST1: f32; // 1 - beta1
override REST2: f32;
override EPS: f32;
override EMA_REST: f32; // 1 - decay
@group(0) @binding(0) var<storage, read_write> param: array<f32>;
@group(0) @binding(1) var<storage, read_write> m: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;
@group(0) @binding(3) var<storage, read> grad: array<f32>;
@group(0) @binding(4) var<storage, read_write> ema: array<f32>;
@group(0) @binding(5) var<storage, read> coefficients: array<vec4f>;
@group(0) @binding(6) var<storage, read> slots: array<i32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 256u + lane;
  if (i >= SIZE) { return; }
  let c = coefficients[slots[i / LINE]];
  if (c.w < -1.5) { return; }
  var p = param[i];
  if (c.w >= 0.0) {
    let g = c.w * grad[i];
    let first = m[i] + REST1 * (g - m[i]);
    let second = v[i] + REST2 * (g * g - v[i]);
    m[i] = first;
    v[i] = second;
    p -= c.x * p + c.y * first / (sqrt(second) * c.z + EPS);
    param[i] = p;
  }
  ema[i] += EMA_REST * (p - ema[i]);
}
