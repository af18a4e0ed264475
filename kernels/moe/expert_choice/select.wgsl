// The value of rank `wanted` of a column, found byte by byte from the top: four histograms of 256 bins.
// Keys are the f32 bit patterns, turned so that their order as u32 is the order of the numbers.
// Lane l: elements l, l + 256, ... of the column, and bin l. A bin is where the rank falls if the keys in higher bins
//   are fewer than `left` and those with it are not; exactly one lane finds that true.
// Workgroup memory: the bins, their sums from the top (Hillis and Steele), and what was found. Integer atomics: sums
//   of ones have no order, the result is fixed.
// Barriers: between clearing, counting and reading the bins, two a step of the sums, and before `found` is read.
// Next: subgroup sums in place of most steps.
const LANES = 256u;
override EXPERTS: u32;
@group(0) @binding(0) var<storage, read> scores: array<u32>;
@group(0) @binding(1) var<storage, read> limits: array<f32>;
var<workgroup> bins: array<atomic<u32>, LANES>;
var<workgroup> from_top: array<u32, LANES>;
var<workgroup> found: vec2u;

fn key_of(bits: u32) -> u32 {
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn key_at(first: u32, t: u32) -> u32 {
  return key_of(scores[first + t * EXPERTS]);
}

fn limit_of(expert: u32, most: u32) -> u32 {
  return u32(clamp(limits[expert], 0.0, f32(most)));
}

// The key of rank `wanted` (1 = largest) among `length` tokens from `first`, and how many of the tokens with just this
// key belong to the first `wanted`. For 0 wanted: a key that no number exceeds, and 0.
fn key_of_rank(first: u32, length: u32, wanted: u32, lane: u32) -> vec2u {
  var prefix = 0u;
  var mask = 0u;
  var left = wanted;
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    atomicStore(&bins[lane], 0u);
    workgroupBarrier();
    for (var t = lane; t < length; t += LANES) {
      let key = key_at(first, t);
      if ((key & mask) == prefix) { atomicAdd(&bins[(key >> shift) & 255u], 1u); }
    }
    workgroupBarrier();
    let own = atomicLoad(&bins[lane]);
    from_top[lane] = own;
    workgroupBarrier();
    for (var step = 1u; step < LANES; step *= 2u) {
      var higher = 0u;
      if (lane + step < LANES) { higher = from_top[lane + step]; }
      workgroupBarrier();
      from_top[lane] += higher;
      workgroupBarrier();
    }
    let above = from_top[lane] - own;
    if (above < left && left <= above + own) { found = vec2u(lane, left - above); }
    workgroupBarrier();
    prefix |= found.x << shift;
    mask |= 255u << shift;
    left = found.y;
  }
  return select(vec2u(prefix, left), vec2u(0xffffffffu, 0u), wanted == 0u);
}
