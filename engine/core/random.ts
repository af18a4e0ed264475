/**
 * Counter-based random numbers: a number is a pure function of (seed, stream, step, index), so it does not matter
 * who draws it, in which order, or on which device. This is the host's side; the `random` kernels are
 * line-by-line translations and give the same bits.
 *
 * The convention, everywhere: key = (low word of the seed, high word of the seed); element `index` takes word
 * `index & 3` of the block with counter (index >> 2, step, stream, domain). The domain is 0, except for initial
 * parameters, which no training step can therefore repeat.
 *
 * Source: Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3* (SC 2011).
 *
 * @module
 */
import { normalFromBits, normalTable } from "./normal.ts";

export { normalFromBits, normalTable } from "./normal.ts";

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

const UINT32_RANGE = 2 ** 32;

/** A seed: a whole number from 0 to 2^53 - 1, or a bigint from 0 to 2^64 - 1. */
export type Seed = number | bigint;

/**
 * Splits a seed into its low and its high 32 bits.
 *
 * @throws {RangeError} when the seed is negative, fractional or too large
 */
export function seedWords(seed: Seed): readonly [low: number, high: number] {
  const valid = typeof seed === "bigint"
    ? seed >= 0n && seed < 2n ** 64n
    : Number.isSafeInteger(seed) && seed >= 0;
  if (!valid) {
    throw new RangeError(
      `Cannot use seed ${seed}: wanted a whole number from 0 to 2^53 - 1, or a bigint below 2^64`,
    );
  }
  const wide = BigInt(seed);
  return [Number(wide & 0xffffffffn), Number(wide >> 32n)];
}

/** The upper 32 bits of the 64-bit product of two 32-bit unsigned numbers. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Every sum stays below 2^32 and is therefore exact as a double.
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/** Philox4x32 with 10 rounds: writes the four words that `counter` and `key` give to `out[0..3]`. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A uniform number in [0, 1) from 32 random bits: the upper 24 of them times 2^-24, exact in f32. */
export function uniformFromBits(bits: number): number {
  return (bits >>> 8) * 2 ** -24;
}

function requireWord(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= UINT32_RANGE) {
    throw new RangeError(`Cannot use ${name} ${value}: wanted a whole number from 0 to 2^32 - 1`);
  }
}

/** The numbers of one (seed, stream, step). It has no state: a method called twice gives the same numbers. */
export class Philox {
  readonly #key: readonly [number, number];

  /**
   * Names a sequence; nothing is drawn yet.
   *
   * @throws {RangeError} when the seed is not a `Seed` or a word is not a whole number below 2^32
   */
  constructor(
    seed: Seed,
    readonly stream: number,
    readonly step: number = 0,
    readonly domain: number = 0,
  ) {
    this.#key = seedWords(seed);
    requireWord("stream", stream);
    requireWord("step", step);
    requireWord("domain", domain);
  }

  /** Random words of the elements `from` to `from + count - 1`: `u32[count]`. */
  bits(count: number, from = 0): Uint32Array<ArrayBuffer> {
    const result = new Uint32Array(count);
    this.#each(count, from, (i, bits) => result[i] = bits);
    return result;
  }

  /** Uniform numbers in [0, 1), multiples of 2^-24: `f32[count]`. */
  uniforms(count: number, from = 0): Float32Array<ArrayBuffer> {
    const result = new Float32Array(count);
    this.#each(count, from, (i, bits) => result[i] = uniformFromBits(bits));
    return result;
  }

  /** Standard normal numbers, see `normalFromBits()`: `f32[count]`. */
  normals(count: number, from = 0): Float32Array<ArrayBuffer> {
    const result = new Float32Array(count);
    const table = normalTable();
    this.#each(count, from, (i, bits) => result[i] = normalFromBits(bits, table));
    return result;
  }

  /**
   * Whole numbers from 0 to `below - 1`, the upper word of `bits * below`: `u32[count]`. The probabilities of two
   * numbers differ by at most 2^-32.
   *
   * @throws {RangeError} when `below` is not a whole number from 1 to 2^32 - 1
   */
  integers(count: number, below: number, from = 0): Uint32Array<ArrayBuffer> {
    requireWord("bound", below);
    if (below === 0) throw new RangeError("Cannot draw whole numbers below 0: wanted a bound of at least 1");
    const result = new Uint32Array(count);
    this.#each(count, from, (i, bits) => result[i] = multiplyHigh(bits, below));
    return result;
  }

  /** A random order of 0 to `count - 1` (Fisher-Yates): `u32[count]`. */
  permutation(count: number): Uint32Array<ArrayBuffer> {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    const bits = this.bits(count);
    for (let i = count - 1; i > 0; i--) {
      const j = multiplyHigh(bits[i], i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  #each(count: number, from: number, visit: (i: number, bits: number) => void): void {
    const block = new Uint32Array(4);
    const counter: [number, number, number, number] = [-1, this.step, this.stream, this.domain];
    for (let i = 0; i < count; i++) {
      const index = Math.floor((from + i) / 4);
      if (index !== counter[0]) {
        counter[0] = index;
        philox4x32(counter, this.#key, block);
      }
      visit(i, block[(from + i) % 4]);
    }
  }
}
