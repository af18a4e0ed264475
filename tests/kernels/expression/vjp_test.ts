import { assert, assertEquals } from "@std/assert";
import { openDevice } from "../../../engine/device/open.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { elementwiseKernel } from "../../../kernels/elementwise/kernel.ts";
import { add, gatedResidual, mul, silu } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { input, mul as times } from "../../../kernels/expression/expression.ts";
import { sum } from "../../../kernels/reduce/mod.ts";

/** Names of the kernels that the gradients by `watched` run after the forward pass. */
async function backwardKernels(
  body: (device: Device) => { watched: Tensor[]; forward: () => Tensor },
): Promise<string[]> {
  using device = await openDevice("reference");
  const { watched, forward } = body(device);
  const names: string[] = [];
  device.afterKernel = (_outputs, name) => void names.push(name);
  forward();
  const before = names.splice(0).length;
  valueAndGradients(watched, forward);
  return names.slice(before).filter((name) => name !== "full");
}

const ones = (device: Device, ...shape: number[]) =>
  device.tensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1));

Deno.test("`expressionVjp()` gives all full inputs one launch", async () => {
  const names = await backwardKernels((device) => {
    const [a, b] = [ones(device, 4, 3), ones(device, 4, 3)];
    return { watched: [a, b], forward: () => sum(mul(a, b)) };
  });
  assertEquals(names, ["sum_backward", "mul_backward"]);
});

Deno.test("`expressionVjp()` hands the arriving gradient on when it is the result", async () => {
  const names = await backwardKernels((device) => {
    const [a, b] = [ones(device, 4, 3), ones(device, 4, 3)];
    return { watched: [a, b], forward: () => sum(add(a, b)) };
  });
  assertEquals(names, ["sum_backward"]);
});

Deno.test("`expressionVjp()` fuses the derivative into the sum of a stretched input", async () => {
  const names = await backwardKernels((device) => {
    const [x, gate, y] = [ones(device, 2, 4, 3), ones(device, 2, 1, 3), ones(device, 2, 4, 3)];
    return { watched: [gate], forward: () => sum(gatedResidual(x, gate, y)) };
  });
  assertEquals(names, ["sum_backward", "gated_residual_backward_sum"]);
});

Deno.test("`expressionVjp()` launches nothing for inputs without a need", async () => {
  const names = await backwardKernels((device) => {
    const [a, b] = [ones(device, 3), ones(device, 3)];
    return { watched: [b], forward: () => sum(add(silu(a), b)) };
  });
  assertEquals(names, ["sum_backward"]);
});

Deno.test("`expressionVjp()` adds up what several outputs send to an input", async () => {
  using device = await openDevice("reference");
  const kernel = elementwiseKernel("two", ["f32"], [times(input(0), input(0)), times(3, input(0))]);
  const x = device.tensor([2], Float32Array.of(5, -1));
  const { gradients: [gradient] } = valueAndGradients([x], () => {
    const [square, triple] = device.execute(kernel, [x], {});
    return sum(add(square, triple));
  });
  assert(gradient);
  assertEquals([...await gradient.read()], [13, 1]);
});
