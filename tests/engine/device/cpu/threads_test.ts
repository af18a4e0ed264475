import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DenseStack } from "../../../../bench/dense_stack.ts";
import { smallConfig } from "../../../../bench/groups.ts";
import { CpuBackend } from "../../../../engine/device/cpu/cpu_backend.ts";
import { Device } from "../../../../engine/device/device.ts";
import { Philox } from "../../../../engine/core/random.ts";
import type { HostArray } from "../../../../engine/core/dtype.ts";
import { findGoldens, formatReport, runParity } from "../../../../eval/parity/mod.ts";
import { createModel } from "../../../../models/create.ts";
import { TrainStep } from "../../../../train/step.ts";
import { available, PARITY_FOLDER, parityAvailable } from "../../../devices.ts";
import { GOLDENS } from "../../../parity/altered.ts";

const THREADS = [1, 2, 4];
const PATIENCE = 60_000;

/** Opens a device whose workers all take part. */
async function openPooled(threads: number): Promise<Device> {
  const backend = new CpuBackend({ threads });
  const start = performance.now();
  while (!backend.started) {
    assert(performance.now() - start < PATIENCE, `${threads} threads did not start`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return new Device(backend);
}

/** Registers a test that has threads of its own. */
function threadsTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `${name} [cpu]`,
    ignore: !available.cpu,
    sanitizeOps: false,
    sanitizeResources: false,
    fn,
  });
}

/** Runs `body` on 1, 2 and 4 threads, and holds the later results against the first. */
async function onAllThreads<T>(body: (device: Device) => Promise<T>): Promise<T> {
  const results: T[] = [];
  for (const threads of THREADS) {
    using device = await openPooled(threads);
    results.push(await body(device));
  }
  for (const [i, result] of results.entries()) assertEquals(result, results[0], `on ${THREADS[i]} threads`);
  return results[0];
}

/** The bits of an array, so that NaN and the signs of zeros count. */
function bits(data: HostArray): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.length);
}

threadsTest(
  "golden files are strict, and their errors the same to the last bit, on 1, 2 and 4 threads",
  async () => {
    const files = await findGoldens([parityAvailable ? fromFileUrl(PARITY_FOLDER) : GOLDENS]);
    await onAllThreads(async (device) => {
      const report = await runParity(device, files, { tolerance: "strict" });
      const failed = report.cases.filter(({ status }) => status === "failed");
      assertEquals(failed, [], `\n${formatReport(report)}`);
      return report.cases.map(({ name, checks }) => ({ name, checks }));
    });
  },
);

threadsTest("two steps of the dense stack give equal bits on 1, 2 and 4 threads", async () => {
  const loss = await onAllThreads(async (device) => {
    const stack = new DenseStack(device);
    using program = await device.record("dense stack", () => stack.step());
    program.run();
    program.run();
    return bits(await program.results.loss.read());
  });
  assert(new Float32Array(loss.buffer)[0] > 1);
});

threadsTest("a step of a DSMoE gives equal parameters on 1, 2 and 4 threads", async () => {
  const config = smallConfig();
  const { in_channels: channels, input_size: size, num_classes } = config.model;
  const pixels = channels * size * size;
  const images = new Philox(4, 0).normals(8 * pixels);
  const labels = Int32Array.from({ length: 8 }, (_, i) => i % num_classes);
  const state = await onAllThreads(async (device) => {
    const small = { ...config, train: { ...config.train, batch_size: 8 } };
    const model = createModel(small);
    model.params.allocate(device);
    model.params.initialize(1);
    const step = new TrainStep(device, model, small, 1);
    step.write(0, small.optim.lr, [{ x: images, y: labels }]);
    using program = await device.record("step", () => step.body());
    program.run();
    const found: Record<string, Uint32Array> = { loss: bits(await program.results.loss.read()) };
    for (const parameter of model.params.all) found[parameter.name] = bits(await parameter.tensor.read());
    return found;
  });
  assert(Object.keys(state).length > 50);
});
