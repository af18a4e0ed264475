import { assertEquals, assertThrows } from "@std/assert";
import { commonFloat, dtypeOf, elementsOf, hostArray, isFloat } from "../../../engine/core/dtype.ts";
import { DTypeError } from "../../../engine/core/errors.ts";
import { byteLength, expectDTypes, f16, f32, formatSpec, i32 } from "../../../engine/core/spec.ts";
import { deviceTest } from "../../devices.ts";

Deno.test("`byteLength()` counts whole words", () => {
  assertEquals([f32(3), f16(3), f16(4), f16(), i32(3)].map(byteLength), [12, 8, 8, 4, 12]);
});

Deno.test("`commonFloat()` is f16 only where all floats are", () => {
  assertEquals(commonFloat(["f16", "f16", "i32"]), "f16");
  assertEquals(commonFloat(["f16", "f32"]), "f32");
  assertEquals(commonFloat(["i32"]), "f32");
  assertEquals(commonFloat([]), "f32");
});

Deno.test("host arrays know their dtype and leave padding out", () => {
  for (const dtype of ["f32", "f16", "i32", "u32"] as const) {
    assertEquals(dtypeOf(hostArray(dtype, 3)), dtype);
    assertEquals(elementsOf(dtype, new ArrayBuffer(16), 3), hostArray(dtype, 3));
  }
  assertEquals(["f32", "f16", "i32", "u32"].map((dtype) => isFloat(dtype as "f32")), [
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("`expectDTypes()` names the floats that it wants", () => {
  expectDTypes("add", [f32(2), f16(2)], ["float", "float"]);
  const message = "Cannot add: input 1 must be f32 or f16, got i32[2]";
  assertThrows(() => expectDTypes("add", [f32(2), i32(2)], ["float", "float"]), DTypeError, message);
  assertThrows(() => expectDTypes("add", [f16(2)], ["f32"]), DTypeError, "must be f32, got f16[2]");
});

deviceTest(
  ["reference", "webgpu"],
  "an odd number of f16 elements comes back as it was written",
  async (device) => {
    using _scope = device.scope();
    const tensor = device.tensor([7], Float16Array.of(0, -1, 1 / 3, 65504, 2 ** -24, Infinity, 2049));
    assertEquals(formatSpec(tensor.spec), "f16[7]");
    assertEquals(Array.from(await tensor.read()), [0, -1, 0.333251953125, 65504, 2 ** -24, Infinity, 2048]);
  },
);
