import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../../engine/core/errors.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import {
  CONV2D,
  conv2d,
  CONV2D_INPUT_GRADIENT,
  CONV2D_WEIGHT_GRADIENT,
  type Conv2dAttrs,
} from "../../../kernels/conv2d/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";

const PLAIN: Conv2dAttrs = {
  stride: [1, 1],
  padding: { top: 0, bottom: 0, left: 0, right: 0 },
  activation: "none",
};

function counting(size: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: size }, (_, i) => i + 1);
}

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`conv2d()` correlates, adds the bias, then cuts off at 0",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([1, 1, 3, 3], counting(9));
    const weight = device.tensor([2, 1, 2, 2], new Float32Array([1, 2, 3, 4, -1, 0, 0, 0]));
    const bias = device.tensor([2], new Float32Array([100, 4]));
    const y = conv2d(x, weight, bias, { activation: "relu" });
    assertEquals(y.shape, [1, 2, 2, 2]);
    assertEquals(await y.read(), new Float32Array([137, 147, 167, 177, 3, 2, 0, 0]));
  },
);

deviceTest(["reference"], "`conv2d()` takes strides and paddings as numbers, pairs and sides", (device) => {
  using _scope = device.scope();
  const x = device.tensor([2, 3, 8, 7], new Float32Array(2 * 3 * 8 * 7));
  const weight = device.tensor([4, 3, 3, 3], new Float32Array(4 * 3 * 9));
  const shape = (options: Parameters<typeof conv2d>[3]) => conv2d(x, weight, undefined, options).shape;
  assertEquals(shape({}), [2, 4, 6, 5]);
  assertEquals(shape({ stride: 2 }), [2, 4, 3, 3]);
  assertEquals(shape({ stride: [1, 3] }), [2, 4, 6, 2]);
  assertEquals(shape({ padding: 1 }), [2, 4, 8, 7]);
  assertEquals(shape({ padding: [0, 2] }), [2, 4, 6, 9]);
  assertEquals(shape({ stride: 2, padding: { top: 0, bottom: 1, left: 0, right: 1 } }), [2, 4, 4, 3]);
});

deviceTest(["reference"], "`conv2d()` differentiates only what is asked for", (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 2, 4, 4], counting(32)), weight = device.tensor([3, 2, 3, 3], counting(54));
  const bias = device.tensor([3], counting(3));
  const kernels: string[] = [];
  device.afterKernel = (_outputs, kernel) => kernels.push(kernel);
  const { gradients } = valueAndGradients([weight, bias], () => sum(conv2d(x, weight, bias, { padding: 1 })));
  device.afterKernel = undefined;
  assertEquals(gradients.map((gradient) => gradient?.shape), [weight.shape, bias.shape]);
  assertEquals(kernels.filter((kernel) => kernel.startsWith("conv2d")), ["conv2d", "conv2d_weight_gradient"]);
});

deviceTest(["reference"], "relu passes no gradient where its output is 0", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 1, 1, 3], new Float32Array([-2, 0, 3]));
  const weight = device.tensor([1, 1, 1, 1], new Float32Array([5]));
  const { gradients: [dX, dW] } = valueAndGradients(
    [x, weight],
    () => sum(conv2d(x, weight, undefined, { activation: "relu" })),
  );
  assertEquals(await dX!.read(), new Float32Array([0, 0, 5]));
  assertEquals(await dW!.read(), new Float32Array([3]));
});

Deno.test("`conv2d()` names image and weight when channels differ", () => {
  assertThrows(
    () => CONV2D.infer([f32(1, 3, 8, 8), f32(4, 2, 3, 3)], PLAIN),
    ShapeError,
    "Cannot conv2d f32[1, 3, 8, 8] by f32[4, 2, 3, 3]: channels must match, got 3 and 2",
  );
});

Deno.test("`conv2d()` refuses a kernel that is larger than the padded image", () => {
  const padding = { top: 1, bottom: 0, left: 0, right: 0 };
  assertThrows(
    () => CONV2D.infer([f32(1, 3, 3, 9), f32(4, 3, 5, 5)], { ...PLAIN, padding }),
    ShapeError,
    "a kernel of 5x5 is larger than the padded image of 4x9",
  );
});

Deno.test("`conv2d()` refuses strides below 1, paddings below 0 and fractions of a pixel", () => {
  const infer = (attrs: Partial<Conv2dAttrs>) => () =>
    CONV2D.infer([f32(1, 3, 8, 8), f32(4, 3, 3, 3)], { ...PLAIN, ...attrs });
  assertThrows(
    infer({ stride: [1, 0] }),
    ShapeError,
    "strides must be whole numbers of at least 1, got [1, 0]",
  );
  assertThrows(infer({ stride: [1.5, 1] }), ShapeError, "strides must be whole numbers");
  assertThrows(
    infer({ padding: { top: 0, bottom: -1, left: 2, right: 3 } }),
    ShapeError,
    "paddings must be whole numbers of at least 0, got 0 top, -1 bottom, 2 left, 3 right",
  );
});

Deno.test("`conv2d()` refuses other ranks, a bias that does not fit, and integers", () => {
  const weight = f32(4, 3, 3, 3);
  assertThrows(
    () => CONV2D.infer([f32(3, 8, 8), weight], PLAIN),
    ShapeError,
    "f32[B, C, H, W] wanted, got 3",
  );
  assertThrows(
    () => CONV2D.infer([f32(1, 3, 8, 8), f32(4, 3)], PLAIN),
    ShapeError,
    "f32[O, C, kh, kw] wanted",
  );
  assertThrows(
    () => CONV2D.infer([f32(1, 3, 8, 8), weight, f32(3)], PLAIN),
    ShapeError,
    "a bias of shape [4] wanted, got f32[3]",
  );
  assertThrows(
    () => CONV2D.infer([f32(1, 3, 8, 8), i32(4, 3, 3, 3)], PLAIN),
    DTypeError,
    "input 1 must be f32, got i32[4, 3, 3, 3]",
  );
});

Deno.test("the gradients of `conv2d()` refuse a gradient of another shape", () => {
  const { stride, padding } = PLAIN;
  assertThrows(
    () =>
      CONV2D_INPUT_GRADIENT.infer([f32(1, 4, 5, 6), f32(4, 3, 3, 3)], {
        stride,
        padding,
        height: 8,
        width: 8,
      }),
    ShapeError,
    "Cannot differentiate conv2d by the image: a gradient f32[1, 4, 6, 6] wanted, got f32[1, 4, 5, 6]",
  );
  assertThrows(
    () =>
      CONV2D_WEIGHT_GRADIENT.infer([f32(2, 3, 8, 8), f32(1, 4, 6, 6)], { stride, padding, kernel: [3, 3] }),
    ShapeError,
    "Cannot differentiate conv2d by the weight: a gradient f32[2, 4, 6, 6] wanted, got f32[1, 4, 6, 6]",
  );
});

Deno.test("`conv2d()` and its gradients cost two operations for each weight and output pixel", () => {
  const x = f32(2, 3, 8, 8), weight = f32(4, 3, 3, 3), grad = f32(2, 4, 6, 6);
  const { stride, padding } = PLAIN, flops = 2 * (2 * 4 * 6 * 6) * (3 * 3 * 3);
  assertEquals(CONV2D.cost([x, weight], PLAIN).flops, flops);
  assertEquals(
    CONV2D_INPUT_GRADIENT.cost([grad, weight], { stride, padding, height: 8, width: 8 }).flops,
    flops,
  );
  assertEquals(CONV2D_WEIGHT_GRADIENT.cost([x, grad], { stride, padding, kernel: [3, 3] }), {
    flops,
    bytesRead: 4 * (2 * 3 * 64 + 2 * 4 * 36),
    bytesWritten: 4 * 4 * 27,
  });
});
