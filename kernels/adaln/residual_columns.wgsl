// dy = g * gate on the way, and what the gate gets of a token: g * y. In front of columns.wgsl.
override GATE: u32;
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> vectors: array<f32>;
@group(0) @binding(3) var<storage, read_write> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dvectors: array<f32>;

fn terms(b: u32, t: u32, c: u32) -> vec2f {
  let at = (b * TOKENS + t) * WIDTH + c;
  dy[at] = g[at] * vectors[(b * PARTS + GATE) * WIDTH + c];
  return vec2f(g[at] * y[at], 0.0);
}

fn own(p: u32, sums: vec2f) -> f32 {
  return select(0.0, sums.x, p == GATE);
}
