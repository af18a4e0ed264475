import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { DeviceKind } from "../../engine/device/backend.ts";
import { runnerFor } from "../../eval/parity/cases/mod.ts";
import { Golden } from "../../eval/parity/golden.ts";
import { findGoldens, formatReport, runParity } from "../../eval/parity/mod.ts";
import { deviceTest, PARITY_FOLDER, parityAvailable } from "../devices.ts";
import { GOLDENS } from "./altered.ts";

/** Paths by "family component". */
async function implemented(folder: string): Promise<Map<string, string[]>> {
  const kinds = new Map<string, string[]>();
  for (const path of await findGoldens([folder])) {
    using golden = await Golden.open(path);
    if (!runnerFor(golden)) continue;
    const kind = `${golden.family} ${golden.component}`;
    kinds.set(kind, [...kinds.get(kind) ?? [], path]);
  }
  return kinds;
}

// Every golden file there is; a clean checkout has the project's own selection.
const kinds = await implemented(parityAvailable ? fromFileUrl(PARITY_FOLDER) : GOLDENS);

for (const [kind, files] of kinds) {
  if (!kind.startsWith("inception ")) {
    register(["reference", "cpu", "webgpu"], kind, files);
    continue;
  }
  // One image of 299x299 takes plain loops and a software adapter ten seconds each; one file stands for its kind there.
  register(["reference", "webgpu"], kind, files.slice(0, 1));
  register(["cpu"], kind, files);
}

function register(devices: readonly DeviceKind[], kind: string, files: readonly string[]): void {
  const name = `\`runParity()\` reproduces ${files.length} golden files of ${kind}`;
  deviceTest(devices, name, async (device) => {
    const report = await runParity(device, files);
    assert(report.passed, `\n${formatReport(report)}`);
  });
}
