import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../../engine/core/errors.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import { linear, MATMUL, matmul } from "../../../kernels/matmul/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";

const NN = { transA: false, transB: false };

deviceTest(["reference", "cpu", "webgpu"], "`linear()` adds the bias to every row", async (device) => {
  using _scope = device.scope();
  const x = device.tensor([2, 1, 2], new Float32Array([1, 2, 3, 4]));
  const weight = device.tensor([3, 2], new Float32Array([1, 0, 0, 1, 1, 1]));
  const bias = device.tensor([3], new Float32Array([10, 20, 30]));
  const y = linear(x, weight, bias);
  assertEquals(y.shape, [2, 1, 3]);
  assertEquals(await y.read(), new Float32Array([11, 22, 33, 13, 24, 37]));
});

deviceTest(["reference"], "`matmul()` reads no transposed copy when it differentiates", (device) => {
  using _scope = device.scope();
  for (const transA of [false, true]) {
    for (const transB of [false, true]) {
      const a = device.tensor(transA ? [3, 2] : [2, 3], new Float32Array(6));
      const b = device.tensor(transB ? [4, 3] : [3, 4], new Float32Array(12));
      const kernels = new Set<string>();
      device.afterKernel = (_outputs, kernel) => kernels.add(kernel);
      const { gradients } = valueAndGradients([a, b], () => sum(matmul(a, b, { transA, transB })));
      device.afterKernel = undefined;
      assertEquals(gradients.map((gradient) => gradient?.shape), [a.shape, b.shape]);
      const linear = transB && !transA ? ["linear_backward"] : [];
      assertEquals([...kernels].sort(), ["full", ...linear, "matmul", "sum", "sum_backward"]);
    }
  }
});

Deno.test("`matmul()` names both operands when inner dimensions differ", () => {
  assertThrows(
    () => MATMUL.infer([f32(64, 384), f32(256, 512)], NN),
    ShapeError,
    "Cannot matmul f32[64, 384] by f32[256, 512]: inner dimensions must match, got 384 and 256",
  );
});

Deno.test("`matmul()` refuses leading dimensions that differ", () => {
  assertThrows(
    () => MATMUL.infer([f32(2, 3, 4), f32(5, 4, 6)], NN),
    ShapeError,
    "Cannot matmul f32[2, 3, 4] by f32[5, 4, 6]: leading dimensions must match, got [2] and [5]",
  );
});

Deno.test("`matmul()` refuses to fold the leading dimensions of a transposed operand", () => {
  assertThrows(
    () => MATMUL.infer([f32(2, 4, 3), f32(4, 6)], { transA: true, transB: false }),
    ShapeError,
    "cannot fold its leading dimensions",
  );
});

Deno.test("`matmul()` refuses vectors, a bias that does not fit, and integers", () => {
  assertThrows(
    () => MATMUL.infer([f32(4), f32(4, 6)], NN),
    ShapeError,
    "at least 2 dimensions wanted, got 1 and 2",
  );
  assertThrows(
    () => MATMUL.infer([f32(3, 4), f32(4, 6), f32(5)], NN),
    ShapeError,
    "a bias of shape [6] wanted",
  );
  assertThrows(
    () => MATMUL.infer([f32(3, 4), i32(4, 6)], NN),
    DTypeError,
    "input 1 must be f32 or f16, got i32[4, 6]",
  );
});

Deno.test("`matmul()` costs 2 M N K operations for each product of a batch", () => {
  const cost = MATMUL.cost([f32(5, 7, 3), f32(5, 3, 2)], NN);
  assertEquals(cost, { flops: 2 * 5 * 7 * 2 * 3, bytesRead: 4 * 5 * (21 + 6), bytesWritten: 4 * 5 * 14 });
});

deviceTest(["reference"], "`linear()` refuses a weight that is not a matrix", (device) => {
  using _scope = device.scope();
  const x = device.tensor([1, 2], new Float32Array(2));
  assertThrows(
    () => linear(x, device.tensor([1, 1, 2], new Float32Array(2))),
    ShapeError,
    "Cannot apply weight f32[1, 1, 2] to f32[1, 2]: f32[N, K] wanted",
  );
});
