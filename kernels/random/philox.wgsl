// Philox4x32 with 10 rounds: four random words from a counter of four words and a key of two.
//
// A round multiplies two words of the counter by constants, keeps both halves of the 64-bit products, and swaps them
// around; the key moves on by the Weyl constants. WGSL has no wide product, so that its upper half is put together
// from four products of 16-bit halves; no sum of them overflows.
// This file is put in front of `random_uniform.wgsl` and `random_normal.wgsl`. Integers only: all devices agree.
override workgroup_size: u32 = 64;
override size: u32;    // elements of the output
override stream: u32;  // third word of the counter

@group(0) @binding(0) var<storage, read> rng: array<u32>;  // seed low, seed high, step

fn multiply_high(a: u32, b: u32) -> u32 {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let middle = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = a_low * b_high + (middle & 0xffffu);
  return a_high * b_high + (middle >> 16u) + (carry >> 16u);
}

// The words of elements 4 * block to 4 * block + 3.
fn random_words(block: u32) -> vec4u {
  var counter = vec4u(block, rng[2], stream, 0u);
  var key = vec2u(rng[0], rng[1]);
  for (var round = 0; round < 10; round++) {
    let high0 = multiply_high(0xd2511f53u, counter.x);
    let high1 = multiply_high(0xcd9e8d57u, counter.z);
    let low0 = 0xd2511f53u * counter.x;
    let low1 = 0xcd9e8d57u * counter.z;
    counter = vec4u(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return counter;
}
