import { assert, assertEquals, assertThrows } from "@std/assert";
import { DTypeError, ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import type { Kernel } from "../../../engine/kernel.ts";
import {
  COMBINE,
  COMBINE_BACKWARD,
  GATHER,
  gather,
  GATHER_BACKWARD,
} from "../../../kernels/moe/gather_scatter/mod.ts";
import { suites } from "../../../kernels/moe/gather_scatter/cases.ts";
import { dispatch } from "../../../kernels/moe/histogram_scan/mod.ts";
import { deviceTest } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`gather()` zeroes padding rows when memory is reused",
  async (device) => {
    using _scope = device.scope();
    const indices = device.tensor([3, 1], new Int32Array([2, 0, 2]));
    const plan = dispatch(indices, 3, 4);
    const x = device.tensor([3, 2], new Float32Array([1, 2, 3, 4, 5, 6]));
    for (let round = 0; round < 3; round++) {
      using _inner = device.scope();
      const rows = gather(x, plan);
      assertEquals([...await rows.read()].filter((value) => value !== 0), [3, 4, 1, 2, 5, 6]);
      rows.write(new Float32Array(rows.size).fill(NaN));
    }
  },
);

for (const kernel of [GATHER, GATHER_BACKWARD, COMBINE, COMBINE_BACKWARD]) {
  deviceTest(
    ["webgpu"],
    `\`${kernel.name}\` works when the grid needs a second dimension`,
    async (device, oracle) => {
      const narrow: Kernel = {
        ...kernel,
        webgpu: (inputs, attrs, limits) =>
          kernel.webgpu(inputs, attrs, { ...limits, maxComputeWorkgroupsPerDimension: 7 }),
      };
      using _scope = device.scope();
      const test = suites.find((suite) => suite.kernel === kernel)!.cases[2];
      const data = test.values!(test.inputs);
      const load = (on: typeof device) => test.inputs.map((spec, i) => on.tensor(spec.shape, data[i]));
      const [got] = device.execute(narrow, load(device), {});
      const [want] = oracle.execute(kernel, load(oracle), {});
      assert(relativeError(await got.read(), await want.read()) <= 1e-6);
    },
  );
}

deviceTest(["cpu", "webgpu"], "`combine` gives the same bits when it runs again", async (device) => {
  using _scope = device.scope();
  const [T, K, E, D] = [301, 5, 8, 33];
  const plan = dispatch(device.tensor([T, K], Int32Array.from(new Philox(51, 1).integers(T * K, E))), E, 8);
  const y = device.tensor([plan.rows, D], new Philox(51, 2).normals(plan.rows * D));
  const weights = device.tensor([T, K], new Philox(51, 3).normals(T * K));
  const run = () => device.execute(COMBINE, [y, weights, plan.row, plan.slot], {})[0].read();
  assertEquals(await run(), await run());
});

Deno.test("`gather` and `combine` name the input when its shape does not fit", () => {
  assertThrows(
    () => GATHER.infer([f32(5, 8), i32(16), i32(6, 2)], {}),
    ShapeError,
    "row must be i32[5, 2], got i32[6, 2]",
  );
  assertThrows(
    () => COMBINE.infer([f32(16, 8), f32(6, 2), i32(6, 3), i32(16)], {}),
    ShapeError,
    "row must be i32[6, 2], got i32[6, 3]",
  );
  assertThrows(() => GATHER.infer([f32(5), i32(16), i32(5, 2)], {}), ShapeError, "ranks 2, 1, 2");
  assertThrows(() => GATHER.infer([i32(5, 8), i32(16), i32(5, 2)], {}), DTypeError, "input 0 must be f32");
});
