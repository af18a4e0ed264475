/**
 * Elementary functions of four floats, written inline.
 *
 * Each appends statements at the current place and returns a local, so its result may be used any number of times.
 * Constants go to the start of the function by themselves (`f.f32x4`), wherever a macro is used. Polynomials are
 * minimax fits made for these ranges; NaN stays NaN. Range reductions follow W. J. Cody and W. Waite, Software
 * Manual for the Elementary Functions (1980).
 *
 * @module
 */
import type { CodeWriter } from "./code_writer.ts";
import { f32x4, i32x4, v128 } from "./simd.ts";
import type { Expr } from "./types.ts";

/** Four floats. */
export type Vector = Expr<"v128">;

/** 1.5 * 2^23: adding it to `|x| < 2^22` rounds to whole numbers and leaves them in the low bits. */
const ROUNDER = 12582912;
const ROUNDER_BITS = 0x4b400000;
const ONE_BITS = 0x3f800000;
const SIGN_BIT = 0x80000000 | 0;
/** ln 2 in two parts; the first has 9 bits, so that its product with a whole number below 2^15 is exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.12194440054690583e-4;
/** `(e^r - 1 - r) / r^2` on |r| <= 0.3475, relative error of `e^r` 4e-9. */
const EXP_TAIL = [0.49999994, 0.1666652, 0.0416684039, 0.00836889911, 0.00138142216];
/** The same, fitted to the relative error of `e^r - 1`, 2e-8. */
const EXPM1_TAIL = [0.49999997, 0.16666542, 0.0416672044, 0.00836669188, 0.00138824887];
/** `(log(1 + m) - m + m^2 / 2) / m^3` on [sqrt(1/2) - 1, sqrt(2) - 1], relative error of the logarithm 6e-9. */
const LOG_TAIL = [
  0.333333313,
  -0.250008196,
  0.200012267,
  -0.166233569,
  0.142017573,
  -0.131601825,
  0.12761578,
  -0.076344982,
];
/** pi / 2 in three parts; the first two have 9 and 11 bits, so that their products with `|n| < 2^13` are exact. */
const HALF_PI = [1.5703125, 4.837512969970703125e-4, 7.54978995489188216e-8];
/** `(sin(r) - r) / r^3` and `(cos(r) - 1 + r^2 / 2) / r^4` in powers of `r^2`, on |r| <= pi / 4. */
const SIN_TAIL = [-0.166666552, 0.008332178, -0.000195172164];
const COS_TAIL = [0.0416666456, -0.00138873665, 0.0000244383591];

/**
 * `e^x`, relative error at most 1.1e-7; 0 below -104, infinity above 88.73, subnormal results in between.
 */
export function exp(f: CodeWriter, x: Vector): Vector {
  // pmin and pmax with x as the second choice hand a NaN on.
  const clamped = f32x4.pmax(f32x4.pmin(x, f.f32x4(89)), f.f32x4(-105));
  const { r, n } = reduceByLn2(f, clamped);
  const value = f.localV128("exp", addTail(f, r, EXP_TAIL));
  // 2^n in two factors: n reaches 128 and -151, beyond what one exponent holds.
  const half = f.localV128("half", i32x4.shr_s(n, 1));
  value.set(f32x4.add(value, f.f32x4(1)));
  value.set(f32x4.mul(f32x4.mul(value, powerOfTwo(f, half)), powerOfTwo(f, i32x4.sub(n, half))));
  return value;
}

/** Natural logarithm, relative error at most 1.5e-7; -infinity at 0, NaN below, subnormal arguments included. */
export function log(f: CodeWriter, x: Vector): Vector {
  const given = f.localV128("given", x);
  const small = f.localV128("small", f32x4.lt(given, f.f32x4(1.1754943508222875e-38)));
  const scaled = f.localV128(
    "scaled",
    v128.bitselect(f32x4.mul(given, f.f32x4(8388608)), given, small),
  );
  // Subtracting the bits of sqrt(1/2) makes the exponent field count from [sqrt(1/2), sqrt(2)).
  const field = f.localV128("field", i32x4.shr_s(i32x4.sub(scaled, f.i32x4(0x3f3504f3)), 23));
  const m = f.localV128("m", f32x4.sub(i32x4.sub(scaled, i32x4.shl(field, 23)), f.f32x4(1)));
  const exponent = i32x4.sub(field, v128.and(small, f.i32x4(23)));
  const e = f.localV128("e", f32x4.convert_i32x4_s(exponent));
  const m2 = f.localV128("m2", f32x4.mul(m, m));
  const tail = f.localV128("tail", f32x4.mul(f32x4.mul(m, m2), polynomial(f, m, LOG_TAIL)));
  tail.set(f32x4.relaxed_madd(e, f.f32x4(LN2_LOW), tail));
  tail.set(f32x4.add(f32x4.relaxed_nmadd(m2, f.f32x4(0.5), tail), m));
  const value = f.localV128("log", f32x4.relaxed_madd(e, f.f32x4(LN2_HIGH), tail));
  value.set(v128.bitselect(given, value, f32x4.eq(given, f.f32x4(Infinity))));
  value.set(v128.bitselect(f.f32x4(-Infinity), value, f32x4.eq(given, f.f32x4(0))));
  value.set(v128.bitselect(f.f32x4(NaN), value, v128.not(f32x4.ge(given, f.f32x4(0)))));
  return value;
}

/** Hyperbolic tangent, relative error at most 3e-7 for any argument; the sign of zero is kept. */
export function tanh(f: CodeWriter, x: Vector): Vector {
  const given = f.localV128("given", x);
  const twice = f32x4.pmin(f32x4.add(f32x4.abs(given), f32x4.abs(given)), f.f32x4(20));
  const { r, n } = reduceByLn2(f, twice);
  const scale = f.localV128("scale", powerOfTwo(f, n));
  // e^(2|x|) - 1 = (2^n - 1) + 2^n (e^r - 1) loses nothing near 0, where n = 0.
  const grown = f.localV128("grown", addTail(f, r, EXPM1_TAIL));
  grown.set(f32x4.relaxed_madd(scale, grown, f32x4.sub(scale, f.f32x4(1))));
  const size = f32x4.div(grown, f32x4.add(grown, f.f32x4(2)));
  return f.localV128("tanh", v128.bitselect(given, size, f.i32x4(SIGN_BIT)));
}

/** `1 / (1 + e^-x)`, relative error at most 3e-7 above -87; 0 below -89. */
export function sigmoid(f: CodeWriter, x: Vector): Vector {
  const one = f.f32x4(1);
  return f.localV128("sigmoid", f32x4.div(one, f32x4.add(one, exp(f, f32x4.neg(x)))));
}

/** `1 / x` by true division. */
export function recip(f: CodeWriter, x: Vector): Vector {
  return f.localV128("recip", f32x4.div(f.f32x4(1), x));
}

/** Square root, correctly rounded. */
export function sqrt(f: CodeWriter, x: Vector): Vector {
  return f.localV128("sqrt", f32x4.sqrt(x));
}

/** Sine and cosine together, absolute error at most 2e-7 for |x| <= 8000; NaN at infinity. */
export function sincos(f: CodeWriter, x: Vector): { readonly sin: Vector; readonly cos: Vector } {
  const { sine, cosine, quadrant } = quarterTurn(f, x);
  const odd = oddQuadrant(quadrant);
  const sin = f.localV128("sin", v128.bitselect(cosine, sine, odd));
  const cos = f.localV128("cos", v128.bitselect(sine, cosine, odd));
  sin.set(v128.xor(sin, signOf(f, quadrant)));
  cos.set(v128.xor(cos, signOf(f, i32x4.add(quadrant, f.i32x4(1)))));
  return { sin, cos };
}

/** Sine, absolute error at most 2e-7 for |x| <= 8000; NaN at infinity. */
export function sin(f: CodeWriter, x: Vector): Vector {
  const { sine, cosine, quadrant } = quarterTurn(f, x);
  const value = v128.bitselect(cosine, sine, oddQuadrant(quadrant));
  return f.localV128("sin", v128.xor(value, signOf(f, quadrant)));
}

/** Cosine, absolute error at most 2e-7 for |x| <= 8000; NaN at infinity. */
export function cos(f: CodeWriter, x: Vector): Vector {
  const { sine, cosine, quadrant } = quarterTurn(f, x);
  const value = v128.bitselect(sine, cosine, oddQuadrant(quadrant));
  return f.localV128("cos", v128.xor(value, signOf(f, i32x4.add(quadrant, f.i32x4(1)))));
}

/** `coefficients[0] + x (coefficients[1] + x (...))`; `x` should be a local. */
export function polynomial(f: CodeWriter, x: Vector, coefficients: readonly number[]): Vector {
  return coefficients.reduceRight<Vector | undefined>(
    (sum, c) => sum ? f32x4.relaxed_madd(sum, x, f.f32x4(c)) : f.f32x4(c),
    undefined,
  ) ?? f.f32x4(0);
}

/** `x = n ln 2 + r` with |r| <= 0.3475. */
function reduceByLn2(f: CodeWriter, x: Vector): { readonly r: Vector; readonly n: Vector } {
  const r = f.localV128("r", x);
  const shifted = f.localV128("shifted", f32x4.relaxed_madd(r, f.f32x4(Math.LOG2E), f.f32x4(ROUNDER)));
  const whole = f.localV128("whole", f32x4.sub(shifted, f.f32x4(ROUNDER)));
  r.set(f32x4.relaxed_nmadd(whole, f.f32x4(LN2_HIGH), r));
  r.set(f32x4.relaxed_nmadd(whole, f.f32x4(LN2_LOW), r));
  return { r, n: f.localV128("n", i32x4.sub(shifted, f.i32x4(ROUNDER_BITS))) };
}

/** `r + r^2 P(r)`. */
function addTail(f: CodeWriter, r: Vector, coefficients: readonly number[]): Vector {
  return f32x4.relaxed_madd(f32x4.mul(r, r), polynomial(f, r, coefficients), r);
}

/** `2^n` for whole numbers from -126 to 127. */
function powerOfTwo(f: CodeWriter, n: Vector): Vector {
  return i32x4.add(i32x4.shl(n, 23), f.i32x4(ONE_BITS));
}

/** `x = quadrant pi / 2 + r` with |r| <= pi / 4, and sine and cosine of `r`. */
function quarterTurn(
  f: CodeWriter,
  x: Vector,
): { readonly sine: Vector; readonly cosine: Vector; readonly quadrant: Vector } {
  const r = f.localV128("r", x);
  const shifted = f32x4.relaxed_madd(r, f.f32x4(2 / Math.PI), f.f32x4(ROUNDER));
  const quadrant = f.localV128("quadrant", shifted);
  const whole = f.localV128("whole", f32x4.sub(quadrant, f.f32x4(ROUNDER)));
  for (const part of HALF_PI) r.set(f32x4.relaxed_nmadd(whole, f.f32x4(part), r));
  const r2 = f.localV128("r2", f32x4.mul(r, r));
  const cube = f32x4.mul(r, r2), fourth = f32x4.mul(r2, r2);
  const sine = f32x4.relaxed_madd(cube, polynomial(f, r2, SIN_TAIL), r);
  const start = f32x4.relaxed_nmadd(r2, f.f32x4(0.5), f.f32x4(1));
  const cosine = f32x4.relaxed_madd(fourth, polynomial(f, r2, COS_TAIL), start);
  return { sine: f.localV128("sine", sine), cosine: f.localV128("cosine", cosine), quadrant };
}

/** All ones where sine and cosine swap roles. */
function oddQuadrant(quadrant: Vector): Vector {
  return i32x4.shr_s(i32x4.shl(quadrant, 31), 31);
}

/** The sign bit where the lower half of the circle makes the value negative. */
function signOf(f: CodeWriter, quadrant: Vector): Vector {
  return v128.and(i32x4.shl(quadrant, 30), f.i32x4(SIGN_BIT));
}
