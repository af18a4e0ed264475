import {
  type CodeWriter,
  type Expr,
  f32x4,
  f64,
  f64x2,
  i32x4,
  i64,
  i64x2,
} from "../../../engine/device/cpu/wasm/mod.ts";

/** 1.5 * 2^52: adding it to a small number rounds to a whole number and leaves it in the low bits. */
const ROUNDER = 6755399441055744;

/** Taylor coefficients of `e^r`, highest first: relative error 6e-15 on |r| <= ln(2) / 2. */
const EXP_SERIES: readonly number[] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => 1 / factorial(n));

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}

function constant(f: CodeWriter, value: number): Expr<"v128"> {
  return f.hoist(`f64x2(${value})`, f64x2.splat(f64.const(value)));
}

/** `1 / (1 + e^-x)` of two doubles. */
function sigmoidPair(f: CodeWriter, x: Expr<"v128">): Expr<"v128"> {
  const bounded = f64x2.min(f64x2.max(x, constant(f, -700)), constant(f, 700));
  const minus = f.localV128("minus", f64x2.neg(bounded));
  const shifted = f.localV128(
    "shifted",
    f64x2.add(f64x2.mul(minus, constant(f, Math.LOG2E)), constant(f, ROUNDER)),
  );
  const whole = f64x2.sub(shifted, constant(f, ROUNDER));
  const r = f.localV128("r", f64x2.sub(minus, f64x2.mul(whole, constant(f, Math.LN2))));
  const series = f.localV128("series", constant(f, EXP_SERIES[0]));
  for (const coefficient of EXP_SERIES.slice(1)) {
    series.set(f64x2.add(f64x2.mul(series, r), constant(f, coefficient)));
  }
  const bias = f.hoist("i64x2(1023)", i64x2.splat(i64.const(1023n)));
  const power = i64x2.shl(i64x2.add(shifted, bias), 52);
  const one = constant(f, 1);
  return f64x2.div(one, f64x2.add(one, f64x2.mul(series, power)));
}

/**
 * Sigmoid of four floats by way of f64: correctly rounded but for one argument in millions, so that the selection
 * of experts is the reference's. NaN stays NaN.
 */
export function sigmoidRounded(f: CodeWriter, x: Expr<"v128">): Expr<"v128"> {
  const given = f.localV128("given", x);
  const low = f64x2.promote_low_f32x4(given);
  const high = f64x2.promote_low_f32x4(i32x4.shuffle(given, given, [2, 3, 2, 3]));
  const first = f.localV128("first", f32x4.demote_f64x2_zero(sigmoidPair(f, low)));
  const second = f.localV128("second", f32x4.demote_f64x2_zero(sigmoidPair(f, high)));
  return f.localV128("scores", i32x4.shuffle(first, second, [0, 1, 4, 5]));
}
