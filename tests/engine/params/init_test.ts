import { assert, assertEquals, assertGreater, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import {
  constant,
  type Initializer,
  kaimingNormal,
  normal,
  ones,
  ParamRandom,
  truncatedNormal,
  xavierUniform,
  zeros,
} from "../../../engine/params/init.ts";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";

const SHAPE = [300, 200];

function fill(initializer: Initializer, shape = SHAPE, name = "blocks.0.attn.qkv.weight"): Float32Array {
  return initializer.fill(shape, new ParamRandom(1, name));
}

function standardDeviation(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
}

/** Five standard errors of a standard deviation that is estimated from normal values. */
function allowance(std: number, count: number): number {
  return 5 * std / Math.sqrt(2 * count);
}

Deno.test("`ParamRandom` depends on seed and name alone, and differs from every training stream", () => {
  const values = new ParamRandom(1, "a.weight").bits(16);
  assertEquals(new ParamRandom(1, "a.weight").bits(16), values);
  assertNotEquals(new ParamRandom(2, "a.weight").bits(16), values);
  assertNotEquals(new ParamRandom(1, "b.weight").bits(16), values);
  const { stream, step, domain } = new ParamRandom(1, "a.weight");
  assertEquals(domain, 1);
  assertNotEquals(new Philox(1, stream, step).bits(16), values);
});

Deno.test("`zeros()`, `ones()` and `constant()` fill with one value", () => {
  assertEquals(fill(zeros(), [2, 3]), new Float32Array(6));
  assertEquals(fill(ones(), [3]), new Float32Array([1, 1, 1]));
  assertEquals(fill(constant(0.5), []), new Float32Array([0.5]));
});

Deno.test("`normal()` has the wanted deviation", () => {
  const values = fill(normal(0.02));
  assertLess(Math.abs(standardDeviation(values) - 0.02), allowance(0.02, values.length));
});

Deno.test("`truncatedNormal()` keeps to its bounds and has the deviation that truncation leaves", () => {
  const values = fill(truncatedNormal(0.02));
  assertLess(Math.max(...values), 0.04 + 1e-9);
  assertGreater(Math.min(...values), -0.04 - 1e-9);
  // Variance of a standard normal cut at 2: 1 - 2 * 2 * density(2) / (1 - 2 * tail(2)) = 0.77374.
  const wanted = 0.02 * Math.sqrt(0.77374);
  assertLess(Math.abs(standardDeviation(values) - wanted), allowance(wanted, values.length));
  const positive = fill(truncatedNormal(1, 0, 1));
  assert(positive.every((x) => x >= 0 && x <= 1));
  assertThrows(() => truncatedNormal(1, 3, 4), RangeError, "bounds 3 and 4");
});

Deno.test("`xavierUniform()` fills up to its bound, with the fans of the flattened weight", () => {
  const bound = Math.sqrt(6 / 500);
  const values = fill(xavierUniform());
  assertLess(Math.max(...values), bound);
  assertGreater(Math.max(...values), bound * 0.999);
  assertLess(Math.min(...values), -bound * 0.999);
  assertLess(Math.abs(standardDeviation(values) - bound / Math.sqrt(3)), allowance(bound, values.length));
  assertEquals(fill(xavierUniform(), [300, 4, 5, 10]), values);
  assertEquals(fill(xavierUniform(2), [300, 200])[0], 2 * values[0]);
});

Deno.test("`kaimingNormal()` has deviation sqrt(2 / fan in)", () => {
  const values = fill(kaimingNormal());
  const wanted = Math.sqrt(2 / 200);
  assertLess(Math.abs(standardDeviation(values) - wanted), allowance(wanted, values.length));
});

Deno.test("`xavierUniform()` and `kaimingNormal()` refuse a shape without fans", () => {
  for (const initializer of [xavierUniform(), kaimingNormal()]) {
    assertThrows(
      () => fill(initializer, [384]),
      ShapeError,
      `Cannot initialise f32[384] with ${initializer.name}`,
    );
  }
});

Deno.test("an initializer's name holds its arguments", () => {
  const names = [zeros(), constant(2), normal(0.02), truncatedNormal(1), xavierUniform()].map(({ name }) =>
    name
  );
  assertEquals(names, [
    "zeros()",
    "constant(value=2)",
    "normal(std=0.02)",
    "truncatedNormal(std=1, low=-2, high=2)",
    "xavierUniform(gain=1)",
  ]);
  assertThrows(() => normal(0), RangeError, "std 0");
});
