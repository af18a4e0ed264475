/**
 * Standard normal numbers from 32 random bits by a fixed-point inverse distribution function: integer arithmetic
 * and one exact conversion, so that every device gives the same bits. Logarithms and cosines (Box-Muller) differ
 * in their last digits from device to device; integers do not.
 *
 * @module
 */

/** Segments in each octave of the table. */
const SEGMENTS = 256;

/** Octaves: one for each place that the leading one of a 32-bit number can have. */
const OCTAVES = 32;

const FIXED_ONE = 2 ** 20;

let table: Int32Array<ArrayBuffer> | undefined;

/**
 * The table of `normalFromBits()`: `i32[8193]`, |z| in units of 2^-20, built on the first call and shared (do not
 * write to it).
 *
 * Entry `octave * 256 + segment` is the |z| whose tail probability is
 * `u = 2^(octave - 33) * (1 + segment / 256)`, `octave` in 0..31; entry 8192 is `u = 1/2`, z = 0. The octaves
 * follow one another, so `s` and `s + 1` are always the two ends of a segment. Entries fall from 6.34 * 2^20 to 0;
 * neighbours differ by less than 2^15, so that a difference times a 16-bit fraction fits in an i32.
 */
export function normalTable(): Int32Array<ArrayBuffer> {
  table ??= Int32Array.from({ length: OCTAVES * SEGMENTS + 1 }, (_, s) => {
    const octave = Math.floor(s / SEGMENTS);
    const u = 2 ** (octave - 33) * (1 + (s % SEGMENTS) / SEGMENTS);
    return Math.round(normalQuantile(u) * FIXED_ONE);
  });
  return table;
}

/**
 * A standard normal number from 32 random bits; `table` is `normalTable()`. Exact in f32, symmetric, monotone in
 * the lower 31 bits, at most 6.34 in magnitude, within 2e-6 of the exact inverse distribution function.
 *
 * Bit 31 is the sign. The lower 31 bits `m` are the tail probability `u = (m + 1/2) / 2^32`, held as the odd
 * number `M = 2m + 1 = u * 2^33`. Its leading one gives the octave, the next 8 bits the segment, the next 16 the
 * place inside the segment. In WGSL (`u32` and `i32` wrap, `>>` of an `i32` is arithmetic):
 *
 * ```wgsl
 * let M = (bits << 1u) | 1u;
 * let o = countLeadingZeros(M);                        // 0..31
 * let n = M << o;                                      // the leading one is now bit 31
 * let s = ((31u - o) << 8u) | ((n >> 23u) & 255u);     // 0..8191
 * let frac = i32((n >> 7u) & 65535u);
 * let a = table[s];
 * var z = a + (((table[s + 1u] - a) * frac) >> 16u);   // i32, 0..2^23
 * if ((bits >> 31u) != 0u) { z = -z; }                 // in integers: there is no -0
 * return f32(z) * 0x1p-20f;                            // both steps exact
 * ```
 */
export function normalFromBits(bits: number, table: Int32Array): number {
  const M = (bits << 1) | 1;
  const o = Math.clz32(M);
  const n = M << o;
  const s = ((31 - o) << 8) | ((n >>> 23) & 255);
  const frac = (n >>> 7) & 65535;
  const a = table[s];
  const z = a + (((table[s + 1] - a) * frac) >> 16);
  return (bits >>> 31 !== 0 ? 0 - z : z) / FIXED_ONE;
}

// Coefficients of Wichura's PPND16, constant term first; `denominator` has an implied leading 1.
interface Rational {
  readonly numerator: readonly number[];
  readonly denominator: readonly number[];
}

const CENTRE: Rational = {
  numerator: [
    3.387132872796366608,
    133.14166789178437745,
    1971.5909503065514427,
    13731.693765509461125,
    45921.953931549871457,
    67265.770927008700853,
    33430.575583588128105,
    2509.0809287301226727,
  ],
  denominator: [
    42.313330701600911252,
    687.1870074920579083,
    5394.1960214247511077,
    21213.794301586595867,
    39307.89580009271061,
    28729.085735721942674,
    5226.495278852854561,
  ],
};

const MIDDLE: Rational = {
  numerator: [
    1.42343711074968357734,
    4.6303378461565452959,
    5.7694972214606914055,
    3.64784832476320460504,
    1.27045825245236838258,
    2.4178072517745061177e-1,
    2.27238449892691845833e-2,
    7.7454501427834140764e-4,
  ],
  denominator: [
    2.05319162663775882187,
    1.6763848301838038494,
    6.8976733498510000455e-1,
    1.4810397642748007459e-1,
    1.51986665636164571966e-2,
    5.475938084995344946e-4,
    1.05075007164441684324e-9,
  ],
};

function evaluate({ numerator, denominator }: Rational, x: number): number {
  const top = numerator.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
  return top / (denominator.reduceRight((sum, coefficient) => sum * x + coefficient, 0) * x + 1);
}

/**
 * The z whose upper tail probability is `u`, for u in [1e-11, 1/2]; relative error about 1e-16.
 *
 * Source: M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), routine PPND16 without its branch for
 * tails beyond exp(-25).
 */
export function normalQuantile(u: number): number {
  const q = 0.5 - u;
  if (q <= 0.425) return q * evaluate(CENTRE, 0.180625 - q * q);
  return evaluate(MIDDLE, Math.sqrt(-Math.log(u)) - 1.6);
}
