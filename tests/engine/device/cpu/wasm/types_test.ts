import { assertEquals, assertThrows } from "@std/assert";
import { type Expr, f32, f32x4, i32, kernelModule, v128 } from "../../../../../engine/device/cpu/wasm/mod.ts";
import { constant, lift } from "../../../../../engine/device/cpu/wasm/types.ts";

Deno.test("expressions of different types do not mix: each of these lines is a type error", () => {
  const integer: Expr<"i32"> = i32.const(1), float: Expr<"f32"> = f32.const(1);
  // @ts-expect-error f32 where i32 is wanted
  const sum = i32.add(integer, float);
  // @ts-expect-error a number is no vector
  const vector = f32x4.add(v128.load(0), 2);
  // @ts-expect-error a vector is no address
  const load = f32.load(v128.load(0));
  kernelModule((f) => {
    const local = f.localF32("local");
    // @ts-expect-error i32 into an f32 local
    local.set(integer);
    const helper = f.func("helper", ["i32", "f32"], "f32", (_g, _a, b) => b);
    // @ts-expect-error arguments in the wrong order
    local.set(helper(float, integer));
    // @ts-expect-error the helper returns f32
    f.storeI32(0, helper(integer, float));
  });
  assertEquals([sum.type, vector.type, load.type], ["i32", "v128", "f32"]);
});

Deno.test("`constant()` keeps the bits of floats and refuses what no i32 holds", () => {
  assertEquals(constant("f32", -0).code, [0x43, 0, 0, 0, 0x80]);
  assertEquals(constant("f64", 1).code, [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
  assertThrows(() => constant("i32", NaN), RangeError, "Cannot encode NaN as i32");
});

Deno.test("`lift()` leaves expressions alone", () => {
  const load = f32.load(16);
  assertEquals(lift("f32", load) === load, true);
  assertEquals(lift("f32", 2), f32.const(2));
});
