import { assertEquals } from "@std/assert";
import { allSuites, isHalf } from "../../bench/suites.ts";
import { deviceTest } from "../devices.ts";
import { compareRuns, finiteDifferences, runCase } from "./conformance.ts";
import { toleranceOf } from "./tolerance.ts";

const only = Deno.env.get("TESSERA_KERNELS")?.split(",");

for (const { folder, kernel, cases } of await allSuites()) {
  if (only && !only.includes(folder)) continue;
  deviceTest(
    ["cpu", "webgpu"],
    `${folder}: \`${kernel.name}\` agrees with the reference`,
    async (device, oracle) => {
      for (const test of cases) {
        if (!device.backend.halfPrecision && isHalf(kernel, test)) continue;
        const want = await runCase(oracle, kernel, test);
        const got = await runCase(device, kernel, test);
        const lines = compareRuns(got, want, toleranceOf(device.kind, kernel, test));
        assertEquals(lines.map((line) => `${test.name}: ${line}`), []);
      }
    },
  );
  if (!kernel.vjp) continue;
  deviceTest(
    ["reference"],
    `${folder}: \`${kernel.name}\` backward agrees with finite differences`,
    async (device) => {
      for (const test of cases) {
        // Rounding to half precision has steps that a difference would be made of.
        if (isHalf(kernel, test)) continue;
        const lines = await finiteDifferences(device, kernel, test);
        assertEquals(lines.map((line) => `${test.name}: ${line}`), []);
      }
    },
  );
}
