// What the shift gets of a token is g, what the scale gets is g * n, with n = (x - mean) * r the normalised element.
// In front of columns.wgsl.
override SHIFT: u32;
override SCALE: u32;
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> row_moments: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> dvectors: array<f32>;

fn terms(b: u32, t: u32, c: u32) -> vec2f {
  let row = b * TOKENS + t;
  let value = g[row * WIDTH + c];
  return vec2f(value, value * (x[row * WIDTH + c] - row_moments[row].x) * row_moments[row].y);
}

fn own(p: u32, sums: vec2f) -> f32 {
  return select(select(0.0, sums.y, p == SCALE), sums.x, p == SHIFT);
}
