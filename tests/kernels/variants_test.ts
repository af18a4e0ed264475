import { assert, assertEquals } from "@std/assert";
import { findSuites } from "../../bench/suites.ts";
import { Device } from "../../engine/device/device.ts";
import { DEFAULT_LIMITS } from "../../engine/device/null_backend.ts";
import { WebGpuBackend } from "../../engine/device/webgpu/backend.ts";
import { available, sharedDevice, TEST_GPU } from "../devices.ts";
import { compareRuns, runCase } from "./conformance.ts";
import { toleranceOf } from "./tolerance.ts";

/** Cases that have a form for hardware and another one for software adapters. */
const forked = (await findSuites()).flatMap((suite) => {
  const cases = suite.cases.filter(({ inputs, attrs }) => {
    const [hardware, software] = [false, true].map((software) =>
      suite.kernel.webgpu(inputs, attrs, { ...DEFAULT_LIMITS, software })
    );
    return JSON.stringify(hardware) !== JSON.stringify(software);
  });
  return cases.length > 0 ? [{ ...suite, cases }] : [];
});

Deno.test("softmax and the norms have forms of their own for software adapters", () => {
  const names = forked.map(({ kernel }) => kernel.name);
  for (const name of ["softmax", "softmax_backward", "layernorm", "rmsnorm_backward"]) {
    assert(names.includes(name), `${name} is not among ${names.join(", ")}`);
  }
});

for (const variants of ["hardware", "software"] as const) {
  Deno.test({
    name: `kernels agree with the reference in their forms for ${variants} [webgpu]`,
    ignore: !available.webgpu,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      using device = new Device(await WebGpuBackend.create({ gpu: TEST_GPU, variants }));
      const oracle = await sharedDevice("reference");
      for (const { folder, kernel, cases } of forked) {
        for (const test of cases) {
          const lines = compareRuns(
            await runCase(device, kernel, test),
            await runCase(oracle, kernel, test),
            toleranceOf("webgpu", kernel, test),
          );
          assertEquals(lines.map((line) => `${folder}, ${kernel.name}, ${test.name}: ${line}`), []);
        }
      }
    },
  });
}
