import { assert, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { multiplyHigh, Philox, philox4x32, seedWords, uniformFromBits } from "../../../engine/core/random.ts";

type Vector = [counter: [number, number, number, number], key: [number, number], wanted: number[]];

const ALL = 0xffffffff;

/** Random123, `tests/kat_vectors`, the three lines "philox4x32 10". */
const KNOWN_ANSWERS: Vector[] = [
  [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
  [[ALL, ALL, ALL, ALL], [ALL, ALL], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

Deno.test("`philox4x32()` gives the known answers of Random123", () => {
  for (const [counter, key, wanted] of KNOWN_ANSWERS) {
    const out = new Uint32Array(4);
    philox4x32(counter, key, out);
    assertEquals([...out], wanted);
  }
});

Deno.test("`multiplyHigh()` is the upper word of the 64-bit product", () => {
  const edges = [0, 1, 2, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xd2511f53, ALL];
  const others = new Philox(7, 0).bits(200);
  for (const a of [...edges, ...others]) {
    for (const b of edges) {
      assertEquals(multiplyHigh(a, b), Number((BigInt(a) * BigInt(b)) >> 32n), `${a} * ${b}`);
    }
  }
});

Deno.test("`seedWords()` splits 64 bits and refuses what has no two words", () => {
  assertEquals(seedWords(0), [0, 0]);
  assertEquals(seedWords(2 ** 32 + 5), [5, 1]);
  assertEquals(seedWords(2n ** 64n - 1n), [ALL, ALL]);
  for (const seed of [-1, 0.5, NaN, 2 ** 53, -1n, 2n ** 64n]) {
    assertThrows(() => seedWords(seed), RangeError, `Cannot use seed ${seed}`);
  }
});

Deno.test("`Philox` follows the documented counter convention", () => {
  const bits = new Philox(2n ** 40n + 9n, 3, 5, 1).bits(11);
  const out = new Uint32Array(4);
  for (let index = 0; index < 11; index++) {
    philox4x32([index >>> 2, 5, 3, 1], [9, 256], out);
    assertEquals(bits[index], out[index & 3]);
  }
});

Deno.test("`Philox` gives the same numbers from any first index, and others for any other word", () => {
  const random = new Philox(1, 2, 3, 4);
  const whole = random.bits(40);
  assertEquals(random.bits(7, 13), whole.slice(13, 20));
  assertEquals(random.normals(7, 13), random.normals(40).slice(13, 20));
  const others = [
    new Philox(2, 2, 3, 4),
    new Philox(1, 1, 3, 4),
    new Philox(1, 2, 2, 4),
    new Philox(1, 2, 3, 5),
  ];
  for (const other of others) assertNotEquals(other.bits(40), whole);
});

Deno.test("`Philox` refuses a stream or step that is not a 32-bit word", () => {
  assertThrows(() => new Philox(0, -1), RangeError, "Cannot use stream -1");
  assertThrows(() => new Philox(0, 0, 2 ** 32), RangeError, "Cannot use step 4294967296");
});

Deno.test("`uniformFromBits()` covers [0, 1) in steps of 2^-24 that f32 holds exactly", () => {
  assertEquals(uniformFromBits(0), 0);
  assertEquals(uniformFromBits(255), 0);
  assertEquals(uniformFromBits(256), 2 ** -24);
  assertEquals(uniformFromBits(ALL), 1 - 2 ** -24);
  assertEquals(Math.fround(uniformFromBits(ALL)), uniformFromBits(ALL));
});

Deno.test("`uniforms()` has the mean and variance of a uniform distribution", () => {
  const count = 1e6;
  const values = new Philox(11, 0).uniforms(count);
  const mean = values.reduce((sum, u) => sum + u, 0) / count;
  const variance = values.reduce((sum, u) => sum + (u - mean) ** 2, 0) / count;
  // Five standard errors: of the mean sqrt(1/12/n), of the variance sqrt(1/180/n).
  assertLess(Math.abs(mean - 0.5), 5 * Math.sqrt(1 / 12 / count));
  assertLess(Math.abs(variance - 1 / 12), 5 * Math.sqrt(1 / 180 / count));
});

Deno.test("`integers()` draws every number below the bound about equally often", () => {
  const count = 90_000;
  const hits = new Array<number>(9).fill(0);
  for (const value of new Philox(5, 1).integers(count, 9)) hits[value]++;
  const expected = count / 9;
  const chiSquare = hits.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  // The 99.99% point of chi square with 8 degrees of freedom.
  assertLess(chiSquare, 31.8);
  assertThrows(() => new Philox(0, 0).integers(1, 0), RangeError, "at least 1");
});

Deno.test("`permutation()` holds every number once, in an order of its own for every step", () => {
  const order = new Philox(3, 1, 0).permutation(1000);
  assertEquals([...order].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i));
  assertNotEquals(new Philox(3, 1, 1).permutation(1000), order);
  assertEquals(new Philox(3, 1, 0).permutation(1000), order);
  assertEquals(new Philox(3, 1).permutation(0).length, 0);
});

Deno.test("`permutation()` reaches all orders of three about equally often", () => {
  const hits = new Map<string, number>();
  const count = 6000;
  for (let step = 0; step < count; step++) {
    const order = new Philox(8, 0, step).permutation(3).join("");
    hits.set(order, (hits.get(order) ?? 0) + 1);
  }
  assertEquals(hits.size, 6);
  // Five standard deviations of a binomial with p = 1/6.
  const allowed = 5 * Math.sqrt(count * 5 / 36);
  assert([...hits.values()].every((n) => Math.abs(n - count / 6) < allowed));
});
