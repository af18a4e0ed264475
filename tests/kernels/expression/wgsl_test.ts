import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { add, constant, cos, exp, input, mul } from "../../../kernels/expression/expression.ts";
import { axesOf } from "../../../kernels/expression/layout.ts";
import { toWgsl, wgslOffsets } from "../../../kernels/expression/wgsl.ts";

Deno.test("`toWgsl()` writes each node once, children first", () => {
  const e = exp(input(0));
  const { statements, roots } = toWgsl([mul(e, e)], (index) => `x${index}[i]`);
  assertEquals(statements, "  let v0 = x0[i];\n  let v1 = exp(v0);\n  let v2 = v1 * v1;");
  assertEquals(roots, ["v2"]);
});

Deno.test("`toWgsl()` writes constants that are f32 numbers", () => {
  const text = (value: number) => toWgsl([constant(value)], () => "").statements;
  assertEquals(text(2), "  let v0 = f32(2.0);");
  assertEquals(text(1e30), `  let v0 = f32(${Math.fround(1e30)});`);
  assertEquals(text(0.1), `  let v0 = f32(${Math.fround(0.1)});`);
  assertEquals(toWgsl([constant(-3, "i32")], () => "").statements, "  let v0 = i32(-3);");
});

Deno.test("`toWgsl()` throws when a constant is not finite in f32", () => {
  assertThrows(() => toWgsl([constant(1e39)], () => ""), RangeError, "Cannot write 1e+39 in WGSL");
  assertThrows(() => toWgsl([constant(NaN)], () => ""), RangeError, "Cannot write NaN in WGSL");
});

Deno.test("`toWgsl()` brings its own sine and cosine, where one is used", () => {
  assertStringIncludes(toWgsl([cos(input(0))], () => "x").functions, "fn cosine(");
  assertEquals(toWgsl([add(input(0), 1)], () => "x").functions, "");
});

Deno.test("`wgslOffsets()` divides a position into counters", () => {
  const axes = axesOf([2, 3, 4], [[2, 3, 4], [2, 1, 4], [1]]);
  assertEquals(wgslOffsets(axes, 3, "i"), [
    "(i / 12u) * 12u + ((i / 4u) % 3u) * 4u + (i % 4u)",
    "(i / 12u) * 4u + (i % 4u)",
    "0u",
  ]);
  assertEquals(wgslOffsets([], 2, "i"), ["0u", "0u"]);
});
