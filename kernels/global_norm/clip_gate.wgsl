// gate = halted ? -1 : CLIP ? min(1, MAX_NORM / (norm + 1e-6)) : 1; norm or loss not finite sets halted for good.
// One lane. Compilers may assume that there is no NaN, so finiteness is read off the bits: all ones in the exponent.
// No workgroup memory, no barriers. Next: nothing.
override CLIP: bool;
override MAX_NORM: f32;
const EXPONENT = 0x7f800000u;
@group(0) @binding(0) var<storage, read> norm: array<u32>;
@group(0) @binding(1) var<storage, read> loss: array<u32>;
@group(0) @binding(2) var<storage, read_write> halted: array<u32>;
@group(0) @binding(3) var<storage, read_write> gate: array<f32>;

@compute @workgroup_size(1)
fn main() {
  if ((norm[0] & EXPONENT) == EXPONENT || (loss[0] & EXPONENT) == EXPONENT) { halted[0] = 1u; }
  if (halted[0] != 0u) {
    gate[0] = -1.0;
    return;
  }
  var factor = 1.0;
  if (CLIP) { factor = min(1.0, MAX_NORM / (bitcast<f32>(norm[0]) + 1e-6)); }
  gate[0] = factor;
}
