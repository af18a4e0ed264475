import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DeviceError } from "../../../../engine/core/errors.ts";
import { Philox } from "../../../../engine/core/random.ts";
import { f32 } from "../../../../engine/core/spec.ts";
import { blasCandidates, openBlas } from "../../../../engine/device/cpu/blas.ts";
import { CpuBackend } from "../../../../engine/device/cpu/cpu_backend.ts";
import { Device } from "../../../../engine/device/device.ts";
import { openDevice } from "../../../../engine/device/open.ts";
import { findGoldens, formatReport, runParity } from "../../../../eval/parity/mod.ts";
import { matmul } from "../../../../kernels/matmul/mod.ts";
import { isHalf } from "../../../../bench/suites.ts";
import { suites as matmulSuites } from "../../../../kernels/matmul/cases.ts";
import { suites as groupedSuites } from "../../../../kernels/moe/grouped_matmul/cases.ts";
import { compareRuns, runCase } from "../../../kernels/conformance.ts";
import { toleranceOf } from "../../../kernels/tolerance.ts";
import { GOLDENS } from "../../../parity/altered.ts";
import { runTiny, tinyConfig, withImages } from "../../../train/tiny_run.ts";
import { blasTest } from "./blas_here.ts";

const ROOT = fromFileUrl(new URL("../../../../", import.meta.url));

/** A cpu device with the library, and whether all of its threads take part by now. */
function openWithBlas(threads: number): { device: Device; pooled: () => Promise<void> } {
  const backend = new CpuBackend({ threads, blas: "auto" });
  const pooled = async () => {
    while (!backend.started) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { device: new Device(backend), pooled };
}

for (const threads of [1, 2, 4]) {
  blasTest(`the cpu device with a BLAS agrees with the reference, on ${threads} threads`, async () => {
    using oracle = await openDevice("reference");
    const { device: opened, pooled } = openWithBlas(threads);
    using device = opened;
    await pooled();
    for (const { kernel, cases } of [...matmulSuites, ...groupedSuites]) {
      for (const test of cases) {
        if (isHalf(kernel, test)) continue;
        const run = await runCase(device, kernel, test);
        const lines = compareRuns(run, await runCase(oracle, kernel, test), toleranceOf("cpu", kernel, test));
        assertEquals(lines.map((line) => `${kernel.name}, ${test.name}: ${line}`), []);
      }
    }
  });

  blasTest(`the golden files hold strictly with a BLAS, on ${threads} threads`, async () => {
    using device = await openDevice("cpu", { threads, blas: "auto" });
    const report = await runParity(device, await findGoldens([GOLDENS]), { tolerance: "strict" });
    assert(report.passed, `\n${formatReport(report)}`);
  });
}

blasTest("a product has the same bits whether or not the workers have started", async () => {
  const { device: opened, pooled } = openWithBlas(3);
  using device = opened;
  const random = new Philox(1, 2, 3);
  const a = device.tensor([300, 700], random.normals(300 * 700));
  const b = device.tensor([700, 200], random.normals(700 * 200));
  const alone = await matmul(a, b).read();
  await pooled();
  assertEquals(await matmul(a, b).read(), alone);
});

blasTest(
  "two training runs with a BLAS and the same threads are bit-equal",
  () =>
    withImages(async (folder, images) => {
      const config = tinyConfig(images);
      const wide = {
        ...config,
        model: { ...config.model, hidden_size: 96, num_heads: 2 },
        moe: { ...config.moe, moe_intermediate_size: 64 },
        train: { ...config.train, steps: 3, batch_size: 32 },
      };
      const runs: Uint8Array[] = [];
      for (const name of ["first", "second"]) {
        using device = await openDevice("cpu", { threads: 2, blas: "auto" });
        const { checkpoint } = await runTiny(device, wide, `${folder}/${name}`);
        runs.push(await Deno.readFile(checkpoint));
      }
      assertEquals(runs[0], runs[1]);
    }),
);

blasTest("the cpu device multiplies by the library, and names it", async () => {
  using plain = await openDevice("cpu", { threads: 1 });
  const backend = new CpuBackend({ threads: 1, blas: "auto" });
  using device = new Device(backend);
  assertStringIncludes(backend.description, "for matrix products");
  assert(!plain.backend.description.includes("for matrix products"));
  // Only the plan of WebAssembly has scratch for packed panels.
  const call = (target: Device) => ({
    kernel: matmulSuites[0].kernel,
    inputs: [f32(128, 128), f32(128, 128)],
    outputs: [f32(128, 128)],
    attrs: { transA: false, transB: true },
    path: target.path,
  });
  assertEquals(backend.lower(call(device)).scratchBytes, []);
  assert(plain.backend.lower(call(plain)).scratchBytes.length > 0);
});

blasTest("`openBlas()` names the library, its reason and what is wanted when it cannot be used", async () => {
  await assertRejects(
    () => openDevice("cpu", { blas: "/nowhere/libblas.so" }),
    DeviceError,
    "Cannot open a BLAS, tried /nowhere/libblas.so (",
  );
  await assertRejects(
    () => openDevice("cpu", { blas: Deno.execPath() }),
    DeviceError,
    "a library with cblas_sgemm is wanted",
  );
});

blasTest("`openBlas()` names all libraries it tried, and what to install, when there is none", () => {
  const { message } = assertThrows(() => openBlas("auto", ["/nowhere/a.so", "/nowhere/b.so"]), DeviceError);
  assertStringIncludes(message, "/nowhere/a.so (");
  assertStringIncludes(message, "/nowhere/b.so (");
  assertStringIncludes(message, "or name a library, as in --blas=/path/libopenblas.so");
  if (Deno.build.os === "linux") assertStringIncludes(message, "apt-get install libopenblas0-pthread");
  assert(!message.includes("\n"));
});

blasTest("`openBlas()` opens a library by its name", () => {
  const { path, close } = openBlas();
  close();
  const again = openBlas(path);
  assertEquals(again.path, path);
  again.close();
});

Deno.test("`blasCandidates()` begins with what a system has of its own or its packages", () => {
  assertEquals(blasCandidates("linux"), ["libopenblas.so.0", "libopenblas.so"]);
  assertMatch(blasCandidates("darwin")[0], /Accelerate$/);
  assertMatch(blasCandidates("windows")[0], /\.dll$/);
});

Deno.test("`openDevice()` refuses a BLAS on other devices", async () => {
  await assertRejects(
    () => openDevice("reference", { blas: "auto" }),
    DeviceError,
    "Cannot use --blas on the reference device",
  );
});

Deno.test("a command with --blas and without --allow-ffi says in one line what to run", async () => {
  const command = ["eval/parity/main.ts", "tests/parity/goldens", "--device", "cpu", "--blas"];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", ...command],
    cwd: ROOT,
  }).output();
  assertEquals(code, 1);
  assertEquals(
    new TextDecoder().decode(stderr),
    "error: Cannot use --blas without the permission to call libraries, run it with --allow-ffi: " +
      `deno run --allow-read --allow-ffi ${command.join(" ")}\n`,
  );
});
