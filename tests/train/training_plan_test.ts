import { assert, assertEquals, assertLess } from "@std/assert";
import { CpuBackend } from "../../engine/device/cpu/cpu_backend.ts";
import { Device } from "../../engine/device/device.ts";
import { Dsmoe } from "../../models/dsmoe/dsmoe.ts";
import { trainConfigOf } from "../../train/config.ts";
import { TrainStep } from "../../train/step.ts";
import { unavoidable } from "../../train/requirements.ts";
import { planTraining } from "../../train/training_plan.ts";
import type { DsmoeTrainConfig } from "./tiny_run.ts";

const NANO = trainConfigOf("dsmoe-nano") as DsmoeTrainConfig;

function small(batch: number, accumulation = 1): DsmoeTrainConfig {
  return {
    ...NANO,
    model: { ...NANO.model, hidden_size: 64, depth: 2 },
    optim: { ...NANO.optim, accumulation },
    train: { ...NANO.train, batch_size: batch },
  };
}

Deno.test("`planTraining()` predicts the memory and the work of a step on the cpu device", async () => {
  const config = small(2, 2);
  const plan = await planTraining(config, { kind: "cpu", threads: 1 });
  using device = new Device(new CpuBackend({ threads: 1 }));
  const model = new Dsmoe(config);
  model.params.allocate(device);
  const step = new TrainStep(device, model, config, config.train.log_every);
  using program = await device.record("train step", () => step.body());
  assertEquals(plan.step, program.cost());
  assertEquals([plan.calls, plan.launches], [program.calls.length, program.launches]);
  assertEquals(plan.memory.activations, program.plannedBytes);
  assertEquals(plan.memory.total, device.memory().live);
  assertEquals(plan.images, 4);
});

Deno.test("`planTraining()` divides all memory into parts", async () => {
  const config = small(4);
  const { memory, largestBuffer } = await planTraining(config);
  const { weights, gradients, moments, ema, activations, other, total } = memory;
  assertEquals(weights + gradients + moments + ema + activations + other, total);
  const { params } = new Dsmoe(config);
  assertEquals([weights, gradients, moments, ema], [
    params.bytes,
    4 * params.count,
    8 * params.count,
    params.bytes,
  ]);
  assert(activations > 0 && other > 0 && largestBuffer < total);
});

Deno.test("`planTraining()` finds more activations, and no more weights, when the batch grows", async () => {
  const [two, eight] = [await planTraining(small(2)), await planTraining(small(8))];
  assertEquals(two.memory.weights, eight.memory.weights);
  assertEquals(two.memory.moments, eight.memory.moments);
  assert(eight.memory.activations > 2 * two.memory.activations);
});

Deno.test("`planTraining()` plans 3,102 million parameters at batch 512 without memory for them", async () => {
  const before = Deno.memoryUsage().rss;
  const { memory, step, forward, images } = await planTraining(trainConfigOf("dsmoe-3b-e16"));
  assertEquals(images, 512);
  assertEquals(memory.gradients, 4 * 3_101_669_024);
  assert(memory.total > 64 * 2 ** 30);
  assert(step.flops > 2.9 * forward.flops && step.flops < 3.2 * forward.flops);
  assert(Deno.memoryUsage().rss - before < 2 * 2 ** 30);
});

/** The plan over what has to be kept at once: weights, moments, EMA, gradients and the activations that wait. */
async function overhead(preset: string, batch: number, recompute: boolean): Promise<number> {
  const config = trainConfigOf(preset);
  const { memory } = await planTraining({
    ...config,
    train: { ...config.train, batch_size: batch, recompute },
  });
  assert(memory.kept < memory.activations);
  return memory.total / unavoidable(memory);
}

Deno.test("`planTraining()` takes less than 15% more than has to be kept at once", async () => {
  assertLess(await overhead("dsmoe-s-e16", 32, false), 1.15);
  assertLess(await overhead("dsmoe-s-e16", 32, true), 1.15);
  assertLess(await overhead("dsmoe-l-e48", 8, true), 1.15);
});

Deno.test("`planTraining()` with recompute keeps the inputs of blocks, and what one block keeps", async () => {
  const config = trainConfigOf("dsmoe-s-e16");
  const plan = (recompute: boolean) =>
    planTraining({ ...config, train: { ...config.train, batch_size: 32, recompute } });
  const [plain, again] = [(await plan(false)).memory.kept, (await plan(true)).memory.kept];
  // Ten blocks; the inputs are f32[32, 256, 384].
  const inputs = 10 * 4 * 32 * 256 * 384;
  assert(again > inputs + plain / 20 && again < inputs + plain / 5);
});
