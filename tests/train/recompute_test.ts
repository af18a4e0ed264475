import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { HostArray } from "../../engine/core/dtype.ts";
import { Philox } from "../../engine/core/random.ts";
import type { Device } from "../../engine/device/device.ts";
import type { ParamStore } from "../../engine/params/param_store.ts";
import { createModel } from "../../models/create.ts";
import { type TrainConfig, trainConfigOf } from "../../train/config.ts";
import { type HostBatch, TrainStep } from "../../train/step.ts";
import { planTraining } from "../../train/training_plan.ts";
import { deviceTest } from "../devices.ts";

const BATCH = 2;
const STEPS = 3;
const FAMILIES = ["dsmoe", "jit", "jitmoe", "dit", "diffmoe", "tcdit", "ecdit"];

interface Small {
  readonly recompute: boolean;
  readonly accumulation?: number;
  readonly eager?: boolean;
}

/** The nano preset of a family, smaller still, with dropout, auxiliary losses and all else that a block may have. */
function smallConfig(family: string, { recompute, accumulation = 1 }: Small): TrainConfig {
  const { model, optim, train, data, ...rest } = trainConfigOf(`${family}-nano`);
  const small = { input_size: 16, hidden_size: 32, depth: 4, num_heads: 2 };
  const moe = "moe" in rest ? { moe: { ...rest.moe, aux_loss_alpha: 0.01, proj_drop: 0.2 } } : {};
  return {
    ...rest,
    ...moe,
    model: { ...model, ...small, ..."proj_drop" in model ? { proj_drop: 0.2 } : {} },
    optim: { ...optim, warmup_steps: 0, accumulation },
    train: { ...train, batch_size: BATCH, recompute },
    data,
  } as TrainConfig;
}

function batchOf({ model }: TrainConfig, index: number): HostBatch {
  const random = new Philox(3, 0, index).integers(BATCH * model.in_channels * model.input_size ** 2, 256);
  return { x: Float32Array.from(random, (value) => value / 127.5 - 1), y: Int32Array.of(index % 3, 1) };
}

/** Values without the zeros of a fresh network, which would keep gradients out of the blocks. */
function disturb(params: ParamStore): void {
  params.initialize(5);
  params.trainable.forEach((parameter, p) => {
    const noise = new Philox(9, p, 0).integers(parameter.size, 2001);
    parameter.tensor.write(parameter.initialValues(5).map((value, i) => value + (noise[i] - 1000) / 2e4));
  });
}

/** Losses, gradient norms and token counts, and all parameters and buffers, after three steps. */
async function trained(device: Device, family: string, options: Small): Promise<HostArray[]> {
  const config = smallConfig(family, options);
  using _scope = device.scope();
  const model = createModel(config);
  model.params.allocate(device);
  using params = model.params;
  disturb(params);
  const step = new TrainStep(device, model, config, STEPS);
  using optimizer = step.optimizer;
  optimizer.startEma();
  const program = options.eager ? undefined : await device.record("step", () => step.body());
  using _program = program;
  for (let i = 0; i < STEPS; i++) {
    const { accumulation } = config.optim;
    step.write(
      i,
      1e-3,
      Array.from({ length: accumulation }, (_, m) => batchOf(config, accumulation * i + m)),
    );
    if (program) program.run();
    else step.body();
  }
  return await Promise.all([step.ring, ...params.all.map(({ tensor }) => tensor)].map((t) => t.read()));
}

for (const family of FAMILIES) {
  deviceTest(
    ["cpu"],
    `training ${family} with train.recompute gives the same losses, token counts and parameters, bit for bit`,
    async (device) => {
      const kept = await trained(device, family, { recompute: false });
      assert(kept.every((values) => values.every(Number.isFinite)));
      assertEquals(await trained(device, family, { recompute: true }), kept);
    },
  );
}

deviceTest(
  ["cpu"],
  "train.recompute changes nothing eagerly, nor with accumulation",
  async (device) => {
    const [plain, again, eager] = [
      await trained(device, "jitmoe", { recompute: false, accumulation: 2 }),
      await trained(device, "jitmoe", { recompute: true, accumulation: 2 }),
      await trained(device, "jitmoe", { recompute: true, accumulation: 2, eager: true }),
    ];
    assertEquals(again, plain);
    assertEquals(eager, plain);
  },
);

Deno.test("train.recompute runs each block twice and keeps one block's activations", async () => {
  const deep = (recompute: boolean, depth: number) => {
    const config = smallConfig("dsmoe", { recompute });
    const train = { ...config.train, batch_size: 16 };
    return planTraining({ ...config, model: { ...config.model, depth }, train } as TrainConfig);
  };
  const [shallow, plain, again] = [await deep(true, 4), await deep(false, 12), await deep(true, 12)];
  assertNotEquals(plain.step, again.step);
  assert(again.step.flops > plain.step.flops + 0.9 * plain.forward.flops);
  assert(again.step.flops < plain.step.flops + plain.forward.flops);
  assert(again.memory.activations < 0.3 * plain.memory.activations);
  assert(again.memory.activations < 2 * shallow.memory.activations);
});
