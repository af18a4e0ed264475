import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { add, exp, mul, sigmoid } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { linear } from "../../../kernels/matmul/mod.ts";
import { mean, sum } from "../../../kernels/reduce/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

deviceTest(
  ALL,
  "`valueAndGradients()` adds up the gradients of a tensor that is used twice",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([3], Float32Array.of(1, 2, 3));
    const { loss, gradients } = valueAndGradients([x], () => sum(add(mul(x, x), x)));
    assertEquals((await loss.read())[0], 20);
    assertEquals(await gradients[0]!.read(), Float32Array.of(3, 5, 7));
  },
);

deviceTest(
  ALL,
  "`valueAndGradients()` sums over stretched dimensions and through reshape",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
    const b = device.tensor([1, 3], Float32Array.of(1, 1, 2));
    const { gradients } = valueAndGradients([x, b], () => mean(reshape(mul(x, b), [6])));
    const [dx, db] = await Promise.all(gradients.map((gradient) => gradient!.read()));
    [1, 1, 2, 1, 1, 2].forEach((want, i) => assertAlmostEquals(dx[i], want / 6, 1e-6));
    [5, 7, 9].forEach((want, i) => assertAlmostEquals(db[i], want / 6, 1e-6));
  },
);

deviceTest(
  ["reference"],
  "`valueAndGradients()` adds nothing twice when rules take earlier gradients into their own",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([1, 2], Float32Array.of(1, 2));
    const weights = [[1, 2], [3, 4], [5, 6]].map((row) => device.tensor([1, 2], Float32Array.from(row)));
    const kernels: string[] = [];
    device.afterKernel = (_outputs, kernel) => kernels.push(kernel);
    const { gradients } = valueAndGradients([x, ...weights], () => {
      const [a, b, c] = weights.map((weight) => linear(x, weight)); // f32[1, 1]
      return sum(add(add(a, b), mul(c, c)));
    });
    device.afterKernel = undefined;
    assertEquals(kernels.filter((kernel) => kernel === "add").length, 3);
    // c = 17, and its square brings 2 c.
    assertEquals(await gradients[0]!.read(), Float32Array.of(1 + 3 + 34 * 5, 2 + 4 + 34 * 6));
    assertEquals(await gradients[3]!.read(), Float32Array.of(34, 68));
  },
);

deviceTest(
  ["reference"],
  "`valueAndGradients()` gives null for a tensor that does not take part",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([1], Float32Array.of(0.5));
    const unused = device.tensor([1], Float32Array.of(1));
    const { gradients } = valueAndGradients([x, unused], () => sum(exp(sigmoid(x))));
    assertEquals(gradients[1], null);
    const s = 1 / (1 + Math.exp(-0.5));
    assertAlmostEquals((await gradients[0]!.read())[0], Math.exp(s) * s * (1 - s), 1e-7);
  },
);

deviceTest(["reference"], "an op says module, shapes and rule when shapes do not fit", (device) => {
  using _scope = device.scope();
  const [a, b] = [device.tensor([2], new Float32Array(2)), device.tensor([3], new Float32Array(3))];
  assertThrows(
    () => device.within("blocks.0", () => device.within("attn", () => add(a, b))),
    ShapeError,
    'Cannot broadcast [2] and [3] in "blocks.0.attn": sizes 2 and 3 differ and neither is 1',
  );
});
