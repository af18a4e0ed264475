import { assert, assertEquals } from "@std/assert";
import { DeviceError } from "../../engine/core/errors.ts";
import { CpuBackend } from "../../engine/device/cpu/cpu_backend.ts";
import { Device } from "../../engine/device/device.ts";
import { NullBackend } from "../../engine/device/null_backend.ts";
import type { BackendLimits } from "../../engine/device/backend.ts";
import { trainConfigOf } from "../../train/config.ts";
import {
  describeRequirements,
  explainOutOfMemory,
  LEAST_LIMITS,
  limitProblem,
  requireFit,
} from "../../train/requirements.ts";
import { planTraining } from "../../train/training_plan.ts";
import type { DsmoeTrainConfig } from "./tiny_run.ts";

function small(batch: number): DsmoeTrainConfig {
  const nano = trainConfigOf("dsmoe-nano") as DsmoeTrainConfig;
  return {
    ...nano,
    model: { ...nano.model, hidden_size: 64, depth: 2 },
    train: { ...nano.train, batch_size: batch },
  };
}

const bounded = (binding: number, buffer = 2 ** 28): BackendLimits => ({
  ...LEAST_LIMITS,
  maxStorageBufferBindingSize: binding,
  maxBufferSize: buffer,
});

async function problemOf(batch: number, limits: BackendLimits): Promise<string | undefined> {
  const config = small(batch);
  return await limitProblem(config, await planTraining(config, { limits }), limits);
}

Deno.test("`limitProblem()` names kernel, tensor, limit and the largest batch that fits", async () => {
  const limits = bounded(2 ** 20);
  const problem = (await problemOf(40, limits))!;
  assert(problem.startsWith("with batch 40 "), problem);
  assert(
    / in "\S+" takes f32\[.+\] of \d+ bytes in one piece, and one binding holds at most 1048576 \(max/.test(
      problem,
    ),
    problem,
  );
  const fits = Number(/; --batch (\d+) fits/.exec(problem)?.[1]);
  assert(fits > 1 && fits < 40);
  assertEquals(await problemOf(fits, limits), undefined);
  assert(await problemOf(fits + 1, limits) !== undefined);
});

Deno.test("`limitProblem()` says when no batch fits, and names a buffer that is too large", async () => {
  const none = "no batch fits, a smaller model or another adapter is wanted";
  assert((await problemOf(4, bounded(2 ** 12)))?.endsWith(none));
  const problem = await problemOf(4, bounded(2 ** 27, 2 ** 18));
  assert(
    /^with batch 4 a buffer of \d+ bytes is needed, and the largest has 262144 \(maxBufferSize\)/.test(
      problem!,
    ),
  );
});

Deno.test("`limitProblem()` finds nothing wrong with 3B at batch 8 and the least limits of WebGPU", async () => {
  const base = trainConfigOf("dsmoe-3b-e16");
  const config = { ...base, train: { ...base.train, batch_size: 8, recompute: true } };
  const plan = await planTraining(config, { limits: LEAST_LIMITS });
  assert(plan.largestBuffer > LEAST_LIMITS.maxStorageBufferBindingSize);
  assertEquals(await limitProblem(config, plan, LEAST_LIMITS), undefined);
});

Deno.test("`requireFit()` asks nothing of a device without limits", async () => {
  using device = new Device(new CpuBackend({ threads: 1 }));
  await requireFit(small(1), device);
});

Deno.test("`describeRequirements()` says what is planned, and what --recompute saves", async () => {
  using device = new Device(Object.assign(new NullBackend(), { limits: LEAST_LIMITS }));
  const [memory, adapter, ...rest] = await describeRequirements(small(16), device);
  assert(
    /^memory: [\d.]+ MiB planned, [\d.]+ MiB of weights, .+, [\d.]+ MiB of activations at batch 16 \([\d.]+ MiB with --recompute\)$/
      .test(memory),
    memory,
  );
  assert(
    adapter.startsWith("adapter: the largest buffer takes ") &&
      adapter.includes(" of 256.0 MiB, bound 128.0 MiB"),
  );
  assertEquals(rest, []);
  const config = small(16);
  const [again] = await describeRequirements(
    { ...config, train: { ...config.train, recompute: true } },
    device,
  );
  assert(again.endsWith("of activations at batch 16"), again);
});

Deno.test("`explainOutOfMemory()` adds what the run takes and what takes less, to that error alone", async () => {
  using device = new Device(new NullBackend());
  const error = new DeviceError("Cannot allocate a storage buffer of 64 bytes: out of memory (no more)");
  await explainOutOfMemory(error, small(16), device);
  assert(
    /out of memory \(no more\); the run takes ([\d.]+ MiB) in all, --recompute takes [\d.]+ MiB, --batch 8 takes [\d.]+ MiB$/
      .test(error.message),
    error.message,
  );
  const other = new DeviceError("Cannot use the WebGPU device: it was lost");
  await explainOutOfMemory(other, small(16), device);
  assertEquals(other.message, "Cannot use the WebGPU device: it was lost");
});
