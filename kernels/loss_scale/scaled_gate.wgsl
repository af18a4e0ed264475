// gate = min(1, MAX_NORM / (norm / scale + 1e-6)) / scale, or -1 where the step is void; unscaled = norm / scale.
// Norm or loss not finite: scale /= 2 and good = 0, or halted = 1 at scale 1. GROW_EVERY good steps: scale *= 2.
// One lane. Compilers may assume that there is no NaN, so finiteness is read off the bits: all ones in the exponent.
// No workgroup memory, no barriers. Next: nothing.
override CLIP: bool;
override MAX_NORM: f32;
override GROW_EVERY: i32;
override MOST: f32;
const EXPONENT = 0x7f800000u;
@group(0) @binding(0) var<storage, read> norm: array<u32>;
@group(0) @binding(1) var<storage, read> loss: array<u32>;
@group(0) @binding(2) var<storage, read_write> halted: array<u32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> good: array<i32>;
@group(0) @binding(5) var<storage, read_write> gate: array<f32>;
@group(0) @binding(6) var<storage, read_write> unscaled: array<u32>;

@compute @workgroup_size(1)
fn main() {
  let factor = scale[0];
  let bounded = (norm[0] & EXPONENT) != EXPONENT;
  let finite = bounded && (loss[0] & EXPONENT) != EXPONENT;
  unscaled[0] = select(EXPONENT, bitcast<u32>(bitcast<f32>(norm[0]) / factor), bounded);
  gate[0] = -1.0;
  if (!finite && factor <= 1.0) { halted[0] = 1u; }
  if (halted[0] != 0u) { return; }
  if (!finite) {
    scale[0] = factor / 2.0;
    good[0] = 0;
    return;
  }
  var clip = 1.0;
  if (CLIP) { clip = min(1.0, MAX_NORM / (bitcast<f32>(norm[0]) / factor + 1e-6)); }
  gate[0] = clip / factor;
  good[0] += 1;
  if (good[0] >= GROW_EVERY) {
    scale[0] = min(2.0 * factor, MOST);
    good[0] = 0;
  }
}
