// out[e] = the k-th largest number of column e, k = limits[e]. After select.wgsl.
// Workgroup e: the column of expert e. Lane l: elements l, l + 256, ..., four times.
// Workgroup memory and barriers: those of select.wgsl. The key is turned back into the bits of the number.
// Next: nothing; the kernel reads its input four times and writes E numbers.
override TOKENS: u32;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let expert = id.x;
  let key = key_of_rank(expert, TOKENS, max(limit_of(expert, TOKENS), 1u), lane).x;
  if (lane == 0u) { out[expert] = select(~key, key & 0x7fffffffu, key >= 0x80000000u); }
}
