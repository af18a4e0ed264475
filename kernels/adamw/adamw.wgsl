// g = gate grad, m += (1 - b1)(g - m), v += (1 - b2)(g^2 - v),
// p -= lr wd p + (lr / c1) m / (sqrt(v) / sqrt(c2) + eps).
// Lane: one element; consecutive lanes touch consecutive words of all four arrays.
// The coefficients of its line's slot are (lr wd, lr / c1, 1 / sqrt(c2), gate), or a negative gate where nothing is to do.
// No workgroup memory, no barriers. One rounding of p, by one subtraction: lr wd is often below its last digit.
// Next: 16-byte loads where a line is a multiple of 4.
override SIZE: u32;
override LINE: u32; // elements that share a row of the coefficients
override REST1: f32; // 1 - beta1
override REST2: f32;
override EPS: f32;
@group(0) @binding(0) var<storage, read_write> param: array<f32>;
@group(0) @binding(1) var<storage, read_write> m: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;
@group(0) @binding(3) var<storage, read> grad: array<f32>;
@group(0) @binding(4) var<storage, read> coefficients: array<vec4f>;
@group(0) @binding(5) var<storage, read> slots: array<i32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (id.x + id.y * groups.x) * 256u + lane;
  if (i >= SIZE) { return; }
  let c = coefficients[slots[i / LINE]];
  if (c.w < 0.0) { return; }
  let g = c.w * grad[i];
  let first = m[i] + REST1 * (g - m[i]);
  let second = v[i] + REST2 * (g * g - v[i]);
  m[i] = first;
  v[i] = second;
  param[i] -= c.x * param[i] + c.y * first / (sqrt(second) * c.z + EPS);
}
