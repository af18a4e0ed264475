// steps[g] += 1, c = 1 - beta^steps, and the coefficients that adamw.wgsl reads; idle and void slots get a mark.
// Lane: one slot (a parameter, or an expert of a stack). source names the count that says whether the slot got a
// gradient; -1: it always does, -2: it never does.
// 1 - beta^t is not computed by subtraction, which would leave four digits at t = 1 and beta = 0.999. With
// q(t) = 1 - beta^t, q(a + b) = q(a) + q(b) (1 - q(a)) has positive terms only: the bits of t select the doublings
// q(2n) = q(n) (2 - q(n)), at most 32 of them, one or two roundings each.
// No workgroup memory, no barriers. Next: nothing; the launch handles a few hundred numbers.
override SLOTS: u32;
override REST1: f32; // 1 - beta1
override REST2: f32;
@group(0) @binding(0) var<storage, read_write> steps: array<u32>;
@group(0) @binding(1) var<storage, read_write> correction: array<f32>;
@group(0) @binding(2) var<storage, read> hyper: array<f32>;
@group(0) @binding(3) var<storage, read> gate: array<f32>;
@group(0) @binding(4) var<storage, read> counts: array<i32>;
@group(0) @binding(5) var<storage, read> source: array<i32>;
@group(0) @binding(6) var<storage, read> decay: array<f32>;
@group(0) @binding(7) var<storage, read_write> coefficients: array<vec4f>;

fn one_minus_power(rest: f32, steps: u32) -> f32 {
  var doubled = rest;
  var q = 0.0;
  for (var bits = steps; bits != 0u; bits >>= 1u) {
    if ((bits & 1u) != 0u) { q += doubled * (1.0 - q); }
    doubled *= 2.0 - doubled;
  }
  return q;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let slot = (id.x + id.y * groups.x) * 64u + lane;
  if (slot >= SLOTS) { return; }
  if (gate[0] < 0.0) {
    coefficients[slot] = vec4f(0.0, 0.0, 0.0, -2.0);
    return;
  }
  let place = source[slot];
  if (place == -2 || (place >= 0 && counts[max(place, 0)] == 0)) {
    coefficients[slot] = vec4f(0.0, 0.0, 0.0, -1.0);
    return;
  }
  let t = steps[slot] + 1u;
  let c1 = one_minus_power(REST1, t);
  let c2 = one_minus_power(REST2, t);
  steps[slot] = t;
  correction[2u * slot] = c1;
  correction[2u * slot + 1u] = c2;
  coefficients[slot] = vec4f(hyper[0] * decay[slot], hyper[0] / c1, 1.0 / sqrt(c2), gate[0]);
}
