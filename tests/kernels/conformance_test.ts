import { assertEquals } from "@std/assert";
import type { AnySuite } from "../../engine/kernel.ts";
import { deviceTest } from "../devices.ts";
import { compareRuns, finiteDifferences, runCase } from "./conformance.ts";
import { toleranceOf } from "./tolerance.ts";

const KERNELS = new URL("../../kernels/", import.meta.url);

/** Every `cases.ts` below `kernels/`: a new folder is found without being listed. */
function* caseFiles(folder: URL): Generator<URL> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name.localeCompare(b.name));
  for (const entry of entries) {
    if (entry.isDirectory) yield* caseFiles(new URL(`${entry.name}/`, folder));
    else if (entry.name === "cases.ts") yield new URL(entry.name, folder);
  }
}

const only = Deno.env.get("TESSERA_KERNELS")?.split(",");

for (const file of caseFiles(KERNELS)) {
  const folder = file.pathname.slice(KERNELS.pathname.length).replace(/\/cases\.ts$/, "");
  if (only && !only.includes(folder)) continue;
  const { suites } = await import(file.href) as { suites: readonly AnySuite[] };
  for (const { kernel, cases } of suites) {
    deviceTest(
      ["cpu", "webgpu"],
      `${folder}: \`${kernel.name}\` agrees with the reference`,
      async (device, oracle) => {
        for (const test of cases) {
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
          const lines = await finiteDifferences(device, kernel, test);
          assertEquals(lines.map((line) => `${test.name}: ${line}`), []);
        }
      },
    );
  }
}
