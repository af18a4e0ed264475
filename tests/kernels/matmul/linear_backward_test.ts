import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { f32 } from "../../../engine/core/spec.ts";
import type { Device } from "../../../engine/device/device.ts";
import { DEFAULT_LIMITS } from "../../../engine/device/null_backend.ts";
import type { Kernel } from "../../../engine/kernel.ts";
import { LINEAR_BACKWARD, type LinearBackwardAttrs } from "../../../kernels/matmul/mod.ts";
import { deviceTest } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";

const ATTRS: LinearBackwardAttrs = { bias: true, input: true };

deviceTest(
  ["webgpu"],
  "`linear_backward` adds chains of rows to those before them",
  async (device, oracle) => {
    const short: Kernel<LinearBackwardAttrs> = {
      ...LINEAR_BACKWARD,
      webgpu(inputs, attrs, limits) {
        const plan = LINEAR_BACKWARD.webgpu(inputs, attrs, limits);
        const launches = plan.launches.map((launch) =>
          launch.overrides?.CHAIN === undefined
            ? launch
            : { ...launch, overrides: { ...launch.overrides, CHAIN: 32 } }
        );
        return { ...plan, launches };
      },
    };
    using _scope = device.scope();
    for (const rows of [150, 600]) {
      const specs = [f32(rows, 36), f32(rows, 68), f32(36, 68)];
      const load = (on: Device) =>
        specs.map(({ shape }, i) => on.tensor(shape, new Philox(71, i).normals(sizeOf(shape))));
      const got = device.execute(short, load(device), ATTRS);
      const want = oracle.execute(LINEAR_BACKWARD, load(oracle), ATTRS);
      for (const [i, tensor] of want.entries()) {
        assert(
          relativeError(await got[i].read(), await tensor.read()) <= 1e-6,
          `output ${i} of ${rows} rows`,
        );
      }
    }
  },
);

deviceTest(["cpu", "webgpu"], "`linear_backward` gives the same bits when it runs again", async (device) => {
  using _scope = device.scope();
  const specs = [f32(1000, 12), f32(1000, 20), f32(12, 20), f32(1000, 20)];
  const inputs = specs.map(({ shape }, i) => device.tensor(shape, new Philox(72, i).normals(sizeOf(shape))));
  const run = () =>
    Promise.all(device.execute(LINEAR_BACKWARD, inputs, ATTRS).map((output) => output.read()));
  assertEquals(await run(), await run());
});

Deno.test("`linear_backward` takes a second launch only where rows are split", () => {
  const launches = (rows: number, n: number, k: number) =>
    LINEAR_BACKWARD.webgpu([f32(rows, n), f32(rows, k), f32(n, k)], ATTRS, DEFAULT_LIMITS).launches.length;
  assertEquals([launches(8192, 1536, 384), launches(8192, 384, 384), launches(64, 384, 384)], [1, 2, 1]);
  assertEquals(launches(131_072, 1536, 384), 1);
});

Deno.test("`linear_backward` names what is wrong when shapes do not fit", () => {
  const infer = (inputs: readonly number[][], attrs = ATTRS) =>
    LINEAR_BACKWARD.infer(inputs.map((shape) => f32(...shape)), attrs);
  assertEquals(infer([[2, 5, 3], [2, 5, 4], [3, 4]]), [f32(3, 4), f32(3), f32(2, 5, 4)]);
  assertThrows(() => infer([[5, 3], [6, 4], [3, 4]]), ShapeError, "the gradient must have the rows of x");
  assertThrows(() => infer([[5, 3], [5, 4], [4, 3]]), ShapeError, "the weight must be f32[3, 4]");
  assertThrows(() => infer([[5, 3], [5, 4]]), ShapeError, "a weight is wanted for the gradient of x");
  assertThrows(
    () => infer([[5, 3], [5, 4], [3, 4], [5, 3]]),
    ShapeError,
    "earlier gradients must be f32[5, 4]",
  );
});
