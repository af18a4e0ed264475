import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../../engine/core/errors.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32 } from "../../../engine/core/spec.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { Limits } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { mul, scale } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { concat, slice, split } from "../../../kernels/split/mod.ts";
import { SPLIT } from "../../../kernels/split/kernel.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

/** 0, 1, 2, ... in a shape. */
function counting(device: Device, ...shape: number[]): Tensor {
  return device.tensor(shape, Float32Array.from({ length: sizeOf(shape) }, (_, i) => i));
}

deviceTest(ALL, "`split()` gives equal parts in order when the axis is in the middle", async (device) => {
  using _scope = device.scope();
  const parts = split(counting(device, 2, 4, 3), 1, 2);
  assertEquals(parts.map((part) => part.shape), [[2, 2, 3], [2, 2, 3]]);
  assertEquals([...await parts[0].read()], [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17]);
  assertEquals([...await parts[1].read()], [6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23]);
});

deviceTest(ALL, "`split()` takes sizes and counts a negative axis from the end", async (device) => {
  using _scope = device.scope();
  const [a, b] = split(counting(device, 2, 5), -1, [1, 4]);
  assertEquals([...await a.read()], [0, 5]);
  assertEquals([...await b.read()], [1, 2, 3, 4, 6, 7, 8, 9]);
});

deviceTest(ALL, "`concat()` undoes `split()` when there are more parts than bindings", async (device) => {
  using _scope = device.scope();
  const x = counting(device, 3, 40, 3);
  const back = concat(split(x, 1, 20), 1);
  assertEquals(back.shape, x.shape);
  assertEquals(await back.read(), await x.read());
});

deviceTest(ALL, "`split()` passes zeros back where a part does not reach the loss", async (device) => {
  using _scope = device.scope();
  const x = counting(device, 2, 6);
  const { gradients } = valueAndGradients([x], () => {
    const parts = split(x, 1, 3);
    return sum(mul(parts[1], parts[1]));
  });
  assertEquals([...await gradients[0]!.read()], [0, 0, 4, 6, 0, 0, 0, 0, 16, 18, 0, 0]);
});

deviceTest(ALL, "`slice()` passes zeros back outside the slice", async (device) => {
  using _scope = device.scope();
  const x = counting(device, 2, 4);
  assertEquals([...await slice(x, 1, 1, 2).read()], [1, 2, 5, 6]);
  const { gradients } = valueAndGradients([x], () => sum(scale(slice(x, 1, 1, 2), 3)));
  assertEquals([...await gradients[0]!.read()], [0, 3, 3, 0, 0, 3, 3, 0]);
});

deviceTest(ALL, "`concat()` adds up the gradients when one tensor is used twice", async (device) => {
  using _scope = device.scope();
  const x = counting(device, 2, 2);
  const weight = counting(device, 2, 4);
  const { gradients } = valueAndGradients([x], () => sum(mul(concat([x, x], 1), weight)));
  assertEquals([...await gradients[0]!.read()], [0 + 2, 1 + 3, 4 + 6, 5 + 7]);
});

deviceTest(["reference"], "`split()` names the sizes when they do not fit", (device) => {
  using _scope = device.scope();
  const x = counting(device, 2, 6);
  assertThrows(() => split(x, 1, 4), ShapeError, "Cannot split f32[2, 6] along axis 1: 6 must be a multiple");
  assertThrows(() => split(x, 1, [2, 3]), ShapeError, "parts must add up to 6, got 2 + 3");
  assertThrows(() => split(x, 2, [6]), ShapeError);
  assertThrows(() => slice(x, 1, 4, 3), ShapeError, "got 4..7");
});

deviceTest(["reference"], "`concat()` names both inputs when they do not fit", (device) => {
  using _scope = device.scope();
  const x = counting(device, 2, 6);
  assertThrows(
    () => concat([x, counting(device, 3, 6)], 1),
    ShapeError,
    "f32[2, 6] and f32[3, 6] along axis 1",
  );
  assertThrows(() => concat([x, device.tensor([2, 1], new Int32Array(2))], 1), DTypeError, "i32[2, 1]");
  assertThrows(() => concat([], 0), ShapeError, "at least 1 is wanted");
});

Deno.test("`SPLIT.webgpu()` binds at most 8 buffers a launch", () => {
  const limits: Limits = {
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBufferBindingSize: 2 ** 27,
    maxStorageBuffersPerShaderStage: 8,
  };
  const parts = Array.from({ length: 16 }, (_, i) => ({ start: 2 * i, size: 2 }));
  const { launches } = SPLIT.webgpu([f32(4, 32)], { axis: 1, parts }, limits);
  assertEquals(launches.map(({ bindings }) => bindings.length), [8, 8, 3]);
  assertEquals(launches.flatMap(({ bindings }) => bindings.slice(1)), parts.map((_, i) => 1 + i));
});

deviceTest(
  ALL,
  "a recorded program gives the gradients of `concat()` as an eager one does",
  async (device) => {
    const [a, b] = [counting(device, 2, 3), counting(device, 2, 1)];
    const both = () =>
      valueAndGradients([a, b], () => {
        const joined = concat([a, b], 1);
        return sum(mul(joined, joined));
      }).gradients;
    using program = await device.record("concat", () => {
      const [left, right] = both();
      return { left: left!, right: right! };
    });
    program.run();
    assertEquals([...await program.results.left.read()], [0, 2, 4, 6, 8, 10]);
    assertEquals([...await program.results.right.read()], [0, 2]);
  },
);
