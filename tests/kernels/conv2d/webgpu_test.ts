import { assertEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../../engine/core/errors.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { DEFAULT_LIMITS } from "../../../engine/device/null_backend.ts";
import { conv2dWebGpu, inputGradientWebGpu, weightGradientWebGpu } from "../../../kernels/conv2d/webgpu.ts";

const NONE = { stride: [1, 1], padding: { top: 0, bottom: 0, left: 0, right: 0 } } as const;
const HALVED = { ...NONE, stride: [2, 2] } as const;

Deno.test("`conv2dWebGpu()` covers the positions of all images by tiles", () => {
  const inputs = [f32(3, 16, 10, 10), f32(65, 16, 3, 3)];
  const { launches } = conv2dWebGpu(inputs, { ...NONE, activation: "none" }, DEFAULT_LIMITS);
  assertEquals(launches.map(({ groups }) => groups), [[2 * Math.ceil(3 * 64 / 64), 1, 1]]);
});

Deno.test("`conv2dWebGpu()` refuses sums that a software adapter would cut short", () => {
  const inputs = [f32(1, 2500, 3, 3), f32(1, 2500, 3, 3)];
  const attrs = { ...NONE, activation: "none" } as const;
  assertThrows(
    () => conv2dWebGpu(inputs, attrs, { ...DEFAULT_LIMITS, software: true }),
    DeviceError,
    "Cannot sum 22500 products a pixel on a software adapter: at most 20000 wanted",
  );
  assertEquals(conv2dWebGpu(inputs, attrs, DEFAULT_LIMITS).launches.length, 1);
});

Deno.test("`inputGradientWebGpu()` has a launch for each phase of the stride", () => {
  const phases = (kernel: number) => {
    const grad = f32(1, 4, Math.floor((9 - kernel) / 2) + 1, Math.floor((9 - kernel) / 2) + 1);
    const inputs = [grad, f32(4, 3, kernel, kernel)];
    return inputGradientWebGpu(inputs, { ...HALVED, height: 9, width: 9 }, DEFAULT_LIMITS).launches;
  };
  assertEquals(phases(3).map(({ overrides }) => overrides!.K), [16, 8, 8, 4]);
  assertEquals(phases(1).map(({ overrides }) => overrides!.K), [4, 0, 0, 0]);
});

Deno.test("`weightGradientWebGpu()` splits the positions where the weight is small", () => {
  const plan = (channels: number) =>
    weightGradientWebGpu(
      [f32(64, channels, 34, 34), f32(64, channels, 32, 32)],
      { ...NONE, kernel: [3, 3] },
      DEFAULT_LIMITS,
    );
  assertEquals(plan(16).scratch, [f32(42, 16 * 16 * 9)]);
  assertEquals(plan(16).launches.map(({ groups }) => groups[0]), [42 * 3, 36]);
  assertEquals(plan(512).scratch, [f32(4, 512 * 512 * 9)]);
});

Deno.test("`weightGradientWebGpu()` refuses more positions than it can number", () => {
  assertThrows(
    () =>
      weightGradientWebGpu(
        [f32(1, 1, 6000, 6000), f32(1, 1, 6000, 6000)],
        { ...NONE, kernel: [1, 1] },
        DEFAULT_LIMITS,
      ),
    DeviceError,
    "Cannot sum the gradient of a weight over 36000000 pixels: at most 33554432 wanted",
  );
});
