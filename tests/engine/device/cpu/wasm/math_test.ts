import { assert, assertEquals } from "@std/assert";
import {
  type CodeWriter,
  type Expr,
  f32x4,
  i32,
  math,
  v128,
} from "../../../../../engine/device/cpu/wasm/mod.ts";
import { runKernel } from "./harness.ts";

type Macro = (f: CodeWriter, x: Expr<"v128">) => Expr<"v128">;

function evaluate(macro: Macro, x: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const y = new Float32Array(x.length);
  runKernel((f) => {
    const [from, to] = f.pointers(2);
    f.forRange(0, 4 * x.length, 16, (at) => {
      f.storeV128(i32.add(to, at), macro(f, v128.load(i32.add(from, at))));
    });
  }, [x, y]);
  return y;
}

/** Evenly spaced, or evenly spaced in the logarithm. */
function grid(low: number, high: number, spacing: "even" | "log" = "even"): Float32Array<ArrayBuffer> {
  const count = 1 << 17;
  return Float32Array.from({ length: count }, (_, i) => {
    const t = i / (count - 1);
    return spacing === "even" ? low + (high - low) * t : low * Math.pow(high / low, t);
  });
}

/** The largest error, divided by the true value's size where `relative`. */
function worst(
  macro: Macro,
  truth: (x: number) => number,
  x: Float32Array<ArrayBuffer>,
  relative: boolean,
): number {
  const y = evaluate(macro, x);
  let most = 0;
  for (let i = 0; i < x.length; i++) {
    const wanted = truth(x[i]), error = Math.abs(y[i] - wanted);
    const scaled = relative && wanted !== 0 ? error / Math.abs(wanted) : error;
    // Written so that NaN counts as a failure.
    if (!(scaled <= most)) most = scaled;
  }
  return most;
}

function specials(macro: Macro, ...x: number[]): number[] {
  const padded = new Float32Array(Math.ceil(x.length / 4) * 4);
  padded.set(x);
  return [...evaluate(macro, padded)].slice(0, x.length);
}

function assertBelow(error: number, bound: number): void {
  assert(error <= bound, `error ${error} exceeds ${bound}`);
}

Deno.test("`exp()` is within 1.1e-7 relative wherever the result is normal", () => {
  assertBelow(worst(math.exp, Math.exp, grid(-87.3, 88.7), true), 1.1e-7);
  assertBelow(worst(math.exp, Math.exp, grid(-1, 1), true), 1.1e-7);
  assertBelow(worst(math.exp, Math.exp, grid(1e-30, 1e-3, "log"), true), 1.1e-7);
});

Deno.test("`exp()` underflows through subnormals to 0, overflows to infinity, keeps NaN", () => {
  // One unit of the smallest subnormal, 1.4e-45.
  assertBelow(worst(math.exp, Math.exp, grid(-110, -87.3), false), 1.5e-45);
  const y = specials(math.exp, 0, -0, Infinity, -Infinity, NaN, 88.73, 1e30, -1e30, 89, -104);
  assertEquals(y, [1, 1, Infinity, 0, NaN, Infinity, Infinity, 0, Infinity, 0]);
});

Deno.test("`log()` is within 1.5e-7 relative for all positive floats", () => {
  assertBelow(worst(math.log, Math.log, grid(1e-44, 3.4e38, "log"), true), 1.5e-7);
  assertBelow(worst(math.log, Math.log, grid(0.5, 2), true), 1.5e-7);
  assertBelow(worst(math.log, Math.log, grid(0.9999, 1.0001), true), 1.5e-7);
});

Deno.test("`log()` of 0, negative numbers, infinity and NaN", () => {
  const y = specials(math.log, 0, -0, -1, Infinity, -Infinity, NaN, 1);
  assertEquals(y, [-Infinity, -Infinity, NaN, Infinity, NaN, NaN, 0]);
});

Deno.test("`tanh()` is within 3e-7 relative, near 0 too", () => {
  assertBelow(worst(math.tanh, Math.tanh, grid(-12, 12), true), 3e-7);
  assertBelow(worst(math.tanh, Math.tanh, grid(1e-35, 1, "log"), true), 3e-7);
  assertEquals(specials(math.tanh, 0, -0, Infinity, -Infinity, NaN, 1e30), [0, -0, 1, -1, NaN, 1]);
});

Deno.test("`sigmoid()` is within 3e-7 relative and never NaN for a number", () => {
  const truth = (x: number) => 1 / (1 + Math.exp(-x));
  assertBelow(worst(math.sigmoid, truth, grid(-87, 87), true), 3e-7);
  const y = specials(math.sigmoid, 0, Infinity, -Infinity, NaN, 100, -100, 1e30, -1e30);
  assertEquals(y, [0.5, 1, 0, NaN, 1, 0, 1, 0]);
});

Deno.test("`sin()` and `cos()` are within 2e-7 absolute up to 8000", () => {
  for (const most of [1, 7, 1000, 8000]) {
    assertBelow(worst(math.sin, Math.sin, grid(-most, most), false), 2e-7);
    assertBelow(worst(math.cos, Math.cos, grid(-most, most), false), 2e-7);
  }
  assertEquals(specials(math.sin, 0, Infinity, NaN), [0, NaN, NaN]);
  assertEquals(specials(math.cos, 0, -Infinity, NaN), [1, NaN, NaN]);
});

Deno.test("`sincos()` gives bit for bit what `sin()` and `cos()` give", () => {
  const x = grid(-50, 50);
  assertEquals(evaluate((f, v) => math.sincos(f, v).sin, x), evaluate(math.sin, x));
  assertEquals(evaluate((f, v) => math.sincos(f, v).cos, x), evaluate(math.cos, x));
});

Deno.test("`recip()` and `sqrt()` are correctly rounded", () => {
  const x = grid(1e-30, 1e30, "log");
  assertEquals(evaluate(math.recip, x), x.map((value) => 1 / value));
  assertEquals(evaluate(math.sqrt, x), x.map((value) => Math.sqrt(value)));
});

Deno.test("a macro may be used twice in one expression and inside a helper function", () => {
  const out = new Float32Array(8);
  runKernel((f) => {
    const [y] = f.pointers(1);
    const gaussian = f.func("gaussian", ["v128"], "v128", (g, x) => math.exp(g, f32x4.neg(f32x4.mul(x, x))));
    f.storeV128(y, gaussian(f.f32x4(0, 1, 2, 3)));
    f.storeV128(y, f32x4.sub(math.exp(f, f.f32x4(1)), math.exp(f, f.f32x4(-1))), 16);
  }, [out]);
  for (let i = 0; i < 4; i++) {
    assertBelow(Math.abs(out[i] - Math.exp(-i * i)), 1e-7);
    assertBelow(Math.abs(out[4 + i] - 2 * Math.sinh(1)), 4e-7);
  }
});
