import { assert, assertEquals } from "@std/assert";
import type { HostArray } from "../../../engine/core/dtype.ts";
import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32 } from "../../../engine/core/spec.ts";
import type { Device } from "../../../engine/device/device.ts";
import { openDevice } from "../../../engine/device/open.ts";
import { conv2dCpu } from "../../../kernels/conv2d/cpu.ts";
import { blocksOf } from "../../../kernels/conv2d/cpu_blocks.ts";
import { CONV2D, CONV2D_INPUT_GRADIENT, CONV2D_WEIGHT_GRADIENT } from "../../../kernels/conv2d/mod.ts";
import { flattened, windowsOf } from "../../../kernels/conv2d/product.ts";
import { conv2dSizes } from "../../../kernels/conv2d/sizes.ts";
import { available } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";

const PADDED = { stride: [2, 1], padding: { top: 1, bottom: 1, left: 1, right: 1 } } as const;
const NONE = { stride: [1, 1], padding: { top: 0, bottom: 0, left: 0, right: 0 } } as const;

/** A convolution of five images and its gradients; blocks of every kind are cut short somewhere. */
async function run(device: Device): Promise<HostArray[]> {
  using _scope = device.scope();
  const tensor = (shape: number[], seed: number) =>
    device.tensor(shape, new Philox(9, seed).normals(sizeOf(shape)));
  const x = tensor([5, 31, 13, 29], 0), weight = tensor([67, 31, 3, 3], 1), bias = tensor([67], 2);
  const grad = tensor([5, 67, 7, 29], 3);
  const [out] = device.execute(CONV2D, [x, weight, bias], { ...PADDED, activation: "relu" });
  const [dX] = device.execute(CONV2D_INPUT_GRADIENT, [grad, weight], { ...PADDED, height: 13, width: 29 });
  const [dW] = device.execute(CONV2D_WEIGHT_GRADIENT, [x, grad], { ...PADDED, kernel: [3, 3] });
  return await Promise.all([out, dX, dW].map((tensor) => tensor.read()));
}

Deno.test({
  name: "`conv2d()` and its gradients give the same bits when the number of threads changes [cpu]",
  ignore: !available.cpu,
  async fn() {
    using oracle = await openDevice("reference");
    using alone = await openDevice("cpu", { threads: 1 });
    using three = await openDevice("cpu", { threads: 3 });
    const results = await run(alone), wanted = await run(oracle);
    assertEquals(await run(three), results);
    results.forEach((result, i) => {
      const error = relativeError(result, wanted[i]);
      assert(error < 1e-6, `result ${i}: error ${error}`);
    });
  },
});

Deno.test({
  name: "padding stays 0 when the pixels beside it are not finite [cpu]",
  ignore: !available.cpu,
  async fn() {
    using device = await openDevice("cpu", { threads: 1 });
    using _scope = device.scope();
    const pixels = new Float32Array(2 * 5 * 5).fill(1);
    pixels.fill(NaN, 25);
    const x = device.tensor([2, 1, 5, 5], pixels),
      weight = device.tensor([1, 1, 3, 3], new Float32Array(9).fill(1));
    const [out] = device.execute(CONV2D, [x, weight], {
      ...NONE,
      padding: PADDED.padding,
      activation: "none",
    });
    const values = (await out.read()).slice(0, 25);
    assertEquals([...values.slice(0, 5)], [4, 6, 6, 6, 4]);
    assertEquals([...values.slice(20)], [4, 6, 6, 6, 4]);
  },
});

Deno.test("`conv2dCpu()` never holds the implicit matrix", () => {
  const inputs = [f32(1, 512, 256, 256), f32(512, 512, 3, 3)];
  const { scratch } = conv2dCpu(inputs, { ...NONE, padding: PADDED.padding, activation: "none" });
  const [packed, lane] = scratch!.map(({ spec }) => 4 * sizeOf(spec.shape));
  assert(packed < 1.1 * 4 * 512 * 512 * 9, `${packed} bytes of packed weights`);
  assert(lane < 512 << 10, `${lane} bytes for each lane`);
});

Deno.test("a 1x1 convolution reads the image as one long row, and others do not", () => {
  const weight = f32(4, 3, 1, 1);
  const direct = (size: number, stride: readonly [number, number]) => {
    const sizes = conv2dSizes(f32(1, 3, size, size), weight, { ...NONE, stride });
    return blocksOf(flattened(windowsOf(sizes))).direct;
  };
  assertEquals([direct(8, [1, 1]), direct(8, [2, 2])], [true, false]);
});
