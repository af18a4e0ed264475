import { assert, assertEquals } from "@std/assert";
import { findSuites } from "../../bench/suites.ts";
import { Device } from "../../engine/device/device.ts";
import { DEFAULT_LIMITS } from "../../engine/device/null_backend.ts";
import { probeAdapter } from "../../engine/device/webgpu/adapter.ts";
import { WebGpuBackend } from "../../engine/device/webgpu/backend.ts";
import { available, sharedDevice, TEST_GPU } from "../devices.ts";
import { compareRuns, runCase } from "./conformance.ts";
import { toleranceOf } from "./tolerance.ts";

const SOFTWARE = { ...DEFAULT_LIMITS, software: true };

/** Cases that have forms of their own for software adapters, with subgroups or without. */
const forked = (await findSuites()).flatMap((suite) => {
  const cases = suite.cases.filter(({ inputs, attrs }) => {
    const forms = [DEFAULT_LIMITS, SOFTWARE, { ...SOFTWARE, subgroup: 8 }].map((limits) =>
      JSON.stringify(suite.kernel.webgpu(inputs, attrs, limits))
    );
    return new Set(forms).size > 1;
  });
  return cases.length > 0 ? [{ ...suite, cases }] : [];
});

Deno.test("norms and matrix products have forms of their own for software adapters", () => {
  const names = forked.map(({ kernel }) => kernel.name);
  for (
    const name of ["softmax", "layernorm", "rmsnorm_backward", "matmul", "linear_backward", "grouped_matmul"]
  ) {
    assert(names.includes(name), `${name} is not among ${names.join(", ")}`);
  }
});

// The forms of the adapter's own kind are what the conformance tests run.
Deno.test({
  name: "kernels agree with the reference in their forms for the other kind of adapter [webgpu]",
  ignore: !available.webgpu,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const adapter = await probeAdapter(TEST_GPU);
    const variants = adapter?.software ? "hardware" : "software";
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
