import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { permute } from "../../../kernels/permute/mod.ts";
import { loopsOf } from "../../../kernels/permute/layout.ts";
import { deviceTest } from "../../devices.ts";

deviceTest(["reference", "cpu", "webgpu"], "`permute()` transposes a matrix", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  const y = permute(x, [1, 0]);
  assertEquals(y.shape, [3, 2]);
  assertEquals([...await y.read()], [1, 4, 2, 5, 3, 6]);
});

deviceTest(["cpu", "webgpu"], "`permute()` copies the bits of integers as they are", async (device) => {
  using _scope = device.scope();
  const bits = Int32Array.of(0x7fc00001, -1, 0x7f800001, -2147483648);
  const y = permute(device.tensor([2, 2], bits), [1, 0]);
  assertEquals([...await y.read()], [bits[0], bits[2], bits[1], bits[3]]);
});

deviceTest(["reference"], "`permute()` names the order when it is none", (device) => {
  using _scope = device.scope();
  const x = device.tensor([2, 2], new Float32Array(4));
  const message = "Cannot permute f32[2, 2] by [0, 0]: wanted each dimension once";
  assertThrows(() => permute(x, [0, 0]), ShapeError, message);
  assertThrows(() => permute(x, [0]), ShapeError);
  assertThrows(() => permute(x, [1, 2]), ShapeError);
  const seven = device.tensor([1, 1, 1, 1, 1, 1, 1], new Float32Array(1));
  assertThrows(() => permute(seven, [0, 1, 2, 3, 4, 5, 6]), ShapeError, "rank 6 at most");
});

Deno.test("`loopsOf()` merges dimensions that stay neighbours and drops those of size 1", () => {
  assertEquals(loopsOf([2, 3, 1, 4, 5], [0, 1, 2, 3, 4]), [{ size: 120, from: 1, to: 1 }]);
  assertEquals(loopsOf([2, 3, 1, 4, 5], [3, 4, 2, 0, 1]), [
    { size: 20, from: 1, to: 6 },
    { size: 6, from: 20, to: 1 },
  ]);
  assertEquals(loopsOf([1, 1], [1, 0]), [{ size: 1, from: 1, to: 1 }]);
});
