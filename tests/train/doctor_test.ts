import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { chooseDevice } from "../../engine/device/open.ts";
import type { AdapterReport } from "../../engine/device/webgpu/adapter.ts";
import { adapterHints, diagnose, formatDiagnosis, main } from "../../train/doctor.ts";
import { captured } from "../output.ts";

Deno.test("`doctor` prints the versions and the device that auto picks, with its reason", async () => {
  const { value, out, err } = await captured(() => main([]));
  assertEquals([value, err], [0, ""]);
  const { kind, reason } = await chooseDevice("auto");
  assertStringIncludes(out, `${kind}: ${reason}`);
  assertMatch(out, new RegExp(`deno +${Deno.version.deno}\n`));
  assertMatch(out, new RegExp(`${navigator.hardwareConcurrency} logical cores`));
  assertMatch(out, /relaxed SIMD +yes\n/);
});

Deno.test("`doctor` refuses arguments in one line", async () => {
  const { value, out, err } = await captured(() => main(["--verbose"]));
  assertEquals([value, out, err], [1, "", "error: Unknown option --verbose: doctor has --help\n"]);
});

Deno.test("`diagnose()` hides what a missing permission hides, and says so", async () => {
  const { cpuModel, memory, hints } = await diagnose();
  for (const [value, kind] of [[cpuModel, "cpus"], [memory, "systemMemoryInfo"]] as const) {
    const { state } = await Deno.permissions.query({ name: "sys", kind });
    assertEquals(value !== undefined, state === "granted");
    assertEquals(hints.some((hint) => hint.includes(`--allow-sys=${kind}`)), state !== "granted");
  }
});

const ADAPTER: AdapterReport = {
  name: "Radeon",
  vendor: "AMD",
  provider: "Deno",
  software: false,
  limits: { maxBufferSize: 4294967296 },
  features: ["timestamp-query", "shader-f16"],
};

Deno.test("`adapterHints()` names the packages to install when Linux has no adapter", () => {
  assertStringIncludes(
    adapterHints(undefined, "linux").join(),
    "apt-get install mesa-vulkan-drivers libvulkan1",
  );
  assertEquals(adapterHints(undefined, "darwin"), ["no WebGPU adapter: install or update your GPU's driver"]);
});

Deno.test("`adapterHints()` has nothing to say about a full hardware adapter", () => {
  assertEquals(adapterHints(ADAPTER), []);
  assertEquals(adapterHints({ ...ADAPTER, software: true, features: [] }).length, 2);
});

Deno.test("`formatDiagnosis()` prints limits with separators, and says when nothing is missing", async () => {
  const diagnosis = await diagnose();
  const text = formatDiagnosis({ ...diagnosis, adapter: ADAPTER, hints: [] });
  assertMatch(text, /maxBufferSize +4,294,967,296\n/);
  assertMatch(text, /features +shader-f16, timestamp-query\n/);
  assert(text.endsWith("none: nothing is missing"));
  assertMatch(formatDiagnosis({ ...diagnosis, adapter: undefined }), /name +none found\n/);
});
