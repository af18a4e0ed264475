import { assertEquals, assertLess } from "@std/assert";
import { checkpoint } from "../../../engine/autodiff/checkpoint.ts";
import { differentiate } from "../../../engine/autodiff/backward.ts";
import type { Device } from "../../../engine/device/device.ts";
import { f32 } from "../../../engine/core/spec.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { add, exp, mul, scale, sigmoid } from "../../../kernels/elementwise/mod.ts";
import { GRADIENT_OPS, valueAndGradients } from "../../../kernels/grad.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

type Wrap = (block: () => Tensor) => Tensor;

function wrapping(device: Device): Wrap {
  return (block) =>
    checkpoint(device, () => {
      const value = block();
      return { value, outputs: [value] };
    });
}

/** Three blocks, the second within the first, that share a weight and read an earlier value from outside. */
function network(x: Tensor, w: Tensor, wrap: Wrap): Tensor {
  const first = sigmoid(mul(x, w));
  const second = wrap(() => add(mul(wrap(() => exp(mul(first, w))), x), first));
  const third = wrap(() => reshape(mul(sigmoid(second), w), [3, 1]));
  return sum(add(mul(third, third), reshape(first, [3, 1])));
}

async function gradientsOf(device: Device, wrap: Wrap): Promise<unknown[]> {
  using _scope = device.scope();
  const x = device.tensor([3], Float32Array.of(0.3, -1.1, 2));
  const w = device.tensor([3], Float32Array.of(0.7, 0.2, -0.4));
  const { loss, gradients } = valueAndGradients([x, w], () => network(x, w, wrap));
  return await Promise.all([loss, ...gradients].map((tensor) => tensor!.read()));
}

deviceTest(ALL, "`checkpoint()` changes neither the value nor any bit of a gradient", async (device) => {
  assertEquals(
    await gradientsOf(device, wrapping(device)),
    await gradientsOf(device, (block) => block()),
  );
});

deviceTest(["reference"], "`checkpoint()` runs its block once more for the backward pass alone", (device) => {
  using _scope = device.scope();
  const x = device.tensor([2], Float32Array.of(1, 2));
  let runs = 0;
  const block = () =>
    checkpoint(device, () => {
      runs++;
      const out = exp(x);
      return { value: out, outputs: [out] };
    });
  block();
  assertEquals(runs, 1);
  valueAndGradients([x], () => sum(block()));
  assertEquals(runs, 3);
  const aside = device.tensor([2], Float32Array.of(1, 2));
  valueAndGradients([aside], () => (block(), sum(aside)));
  assertEquals(runs, 4);
});

deviceTest(
  ["reference"],
  "`checkpoint()` hands on values that are no outputs as constants",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([2], Float32Array.of(1, 2));
    const { gradients: [dx] } = valueAndGradients([x], () => {
      const { out, aside } = checkpoint(device, () => {
        const [out, aside] = [scale(x, 3), scale(x, 5)];
        return { value: { out, aside }, outputs: [out] };
      });
      return sum(mul(out, aside));
    });
    assertEquals(await dx!.read(), Float32Array.of(15, 30));
  },
);

deviceTest(["cpu"], "`checkpoint()` shortens the life of what a recorded block computes", async (device) => {
  const [x, w] = [device.persistent(f32(2 ** 16)), device.persistent(f32(2 ** 16))];
  const record = (wrap: Wrap) =>
    device.record("blocks", () => {
      const { gradients: [dx] } = valueAndGradients([x], () => {
        let h = x;
        for (let i = 0; i < 4; i++) {
          const input = h;
          h = wrap(() => sigmoid(exp(sigmoid(exp(mul(input, w))))));
        }
        return sum(h);
      });
      return { dx: dx! };
    });
  using plain = await record((block) => block());
  using again = await record(wrapping(device));
  assertLess(again.plannedBytes, 0.7 * plain.plannedBytes);
  assertEquals(again.calls.filter(({ pass }) => pass === "forward").length, 21);
});

deviceTest(["reference"], "`differentiate()` adds to earlier gradients", async (device) => {
  using _scope = device.scope();
  const [x, y] = [device.tensor([2], Float32Array.of(1, 2)), device.tensor([2], Float32Array.of(1, 2))];
  const earlier = [device.tensor([2], Float32Array.of(10, 20)), device.tensor([2], Float32Array.of(7, 8))];
  const forward = () => {
    const root = sum(mul(x, x));
    return { value: root, root };
  };
  const { gradients: [dx, dy] } = differentiate(GRADIENT_OPS, [x, y], forward, earlier);
  assertEquals([await dx!.read(), await dy!.read()], [Float32Array.of(12, 24), Float32Array.of(7, 8)]);
});
