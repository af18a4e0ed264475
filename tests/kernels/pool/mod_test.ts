import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import type { Device } from "../../../engine/device/device.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { avgPool2d, maxPool2d } from "../../../kernels/pool/mod.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest, sharedDevice } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

/** 1, 2, 3, ... in a shape. */
function counting(device: Device, ...shape: number[]) {
  return device.tensor(shape, Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1));
}

deviceTest(ALL, "`maxPool2d()` moves by its kernel when no stride is given", async (device) => {
  using _scope = device.scope();
  const y = maxPool2d(counting(device, 1, 1, 4, 4), { kernel: 2 });
  assertEquals(y.shape, [1, 1, 2, 2]);
  assertEquals([...await y.read()], [6, 8, 14, 16]);
});

deviceTest(ALL, "`maxPool2d()` never takes padding when all elements are negative", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 1, 2, 2], Float32Array.of(-4, -3, -2, -1));
  const y = maxPool2d(x, { kernel: 3, stride: 2, padding: 1 });
  assertEquals([...await y.read()], [-1]);
});

deviceTest(ALL, "`maxPool2d()` gives the gradient to the first of equal elements", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 1, 2, 4], Float32Array.of(1, 5, 5, 0, 5, 2, 5, 0));
  const { gradients: [dx] } = valueAndGradients([x], () => sum(maxPool2d(x, { kernel: 2 })));
  assertEquals([...await dx!.read()], [0, 1, 1, 0, 0, 0, 0, 0]);
});

deviceTest(ALL, "`maxPool2d()` adds up the gradients of windows that share an element", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 1, 1, 4], Float32Array.of(0, 9, 1, 2));
  const weights = device.tensor([1, 1, 1, 3], Float32Array.of(10, 100, 1000));
  const options = { kernel: [1, 2], stride: [1, 1] } as const;
  const { gradients: [dx] } = valueAndGradients([x], () => sum(mul(maxPool2d(x, options), weights)));
  assertEquals([...await dx!.read()], [0, 110, 0, 1000]);
});

deviceTest(ALL, "`avgPool2d()` counts padding unless told not to", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 1, 2, 2], Float32Array.of(9, 18, 27, 36));
  const options = { kernel: 3, stride: 1, padding: 1 };
  assertEquals([...await avgPool2d(x, options).read()], [10, 10, 10, 10]);
  const inside = avgPool2d(x, { ...options, countPadding: false });
  assertEquals([...await inside.read()], [22.5, 22.5, 22.5, 22.5]);
});

deviceTest(ALL, "`avgPool2d()` spreads the gradient by the window's own divisor", async (device) => {
  using _scope = device.scope();
  const x = counting(device, 1, 1, 2, 3);
  const options = { kernel: [2, 2], stride: [2, 2], padding: [1, 1], countPadding: false } as const;
  const { gradients: [dx] } = valueAndGradients([x], () => sum(avgPool2d(x, options)));
  assertEquals([...await dx!.read()], [1, 0.5, 0.5, 1, 0.5, 0.5]);
});

Deno.test("`maxPool2d()` and `avgPool2d()` refuse windows that do not fit", async () => {
  const device = await sharedDevice("reference");
  using _scope = device.scope();
  const x = counting(device, 1, 1, 2, 2);
  assertThrows(
    () => maxPool2d(x, { kernel: 3 }),
    ShapeError,
    "Cannot max_pool2d f32[1, 1, 2, 2] by windows of [3, 3]: wanted at most the padded size [2, 2]",
  );
  assertThrows(() => avgPool2d(x, { kernel: 2, padding: 2 }), ShapeError, "padding from 0 to kernel - 1");
  assertThrows(() => avgPool2d(x, { kernel: 2, stride: 0 }), ShapeError, "stride 0");
  assertThrows(
    () => maxPool2d(counting(device, 4, 4), { kernel: 2 }),
    ShapeError,
    "f32[B, C, H, W] wanted",
  );
});
