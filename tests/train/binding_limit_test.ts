import { assert, assertEquals } from "@std/assert";
import type { HostArray } from "../../engine/core/dtype.ts";
import { Philox } from "../../engine/core/random.ts";
import { byteLength } from "../../engine/core/spec.ts";
import { Device } from "../../engine/device/device.ts";
import { WebGpuBackend } from "../../engine/device/webgpu/backend.ts";
import { createModel } from "../../models/create.ts";
import { trainConfigOf } from "../../train/config.ts";
import { TrainStep } from "../../train/step.ts";
import { available, TEST_GPU } from "../devices.ts";
import type { DsmoeTrainConfig } from "./tiny_run.ts";

const STEPS = 2;
/** Less than a stack of experts needs, and enough for everything else of the model below. */
const LIMIT = 160 * 1024;

/** A DSMoE whose stacks of experts are by far its largest tensors. */
function wideConfig(): DsmoeTrainConfig {
  const nano = trainConfigOf("dsmoe-nano") as DsmoeTrainConfig;
  const model = { ...nano.model, input_size: 8, patch_size: 2, hidden_size: 64, depth: 1, num_classes: 3 };
  return {
    ...nano,
    model,
    moe: { ...nano.moe, num_experts: 16, moe_intermediate_size: 64, interleave: false },
    // Norms add up in another order where buffers are cut, so that clipping would change the last digit.
    optim: { ...nano.optim, accumulation: 2, warmup_steps: 0, clip_grad_norm: 0, ema_decay2: 0.9 },
    train: { ...nano.train, batch_size: 1 },
  };
}

/** Metrics, and all weights and averages, after some steps. */
async function trained(limits: Partial<Record<"maxStorageBufferBindingSize", number>>): Promise<HostArray[]> {
  const backend = await WebGpuBackend.create({ gpu: TEST_GPU, limits });
  using device = new Device(backend);
  const config = wideConfig();
  const model = createModel(config);
  model.params.allocate(device);
  model.params.initialize(1);
  const most = Math.max(...model.params.all.map(({ spec }) => byteLength(spec)));
  assert(most > LIMIT && most <= 2 * LIMIT);
  const step = new TrainStep(device, model, config, STEPS);
  step.optimizer.startEma();
  using program = await device.record("step", () => step.body());
  for (let i = 0; i < STEPS; i++) {
    const batch = (micro: number) => ({ x: new Philox(i, micro).normals(192), y: Int32Array.of(micro) });
    step.write(i, 1e-2, [batch(0), batch(1)]);
    program.run();
  }
  const { ema, ema2, states } = step.optimizer;
  const moments = [...states.values()].flatMap(({ m, v }) => [m, v]);
  const tensors = [
    step.ring,
    ...model.params.all.map(({ tensor }) => tensor),
    ...ema.values(),
    ...ema2.values(),
  ];
  return await Promise.all([...tensors, ...moments].map((tensor) => tensor.read()));
}

Deno.test({
  name: "a step whose experts cannot be bound at once gives the same bits, a few experts at a time [webgpu]",
  ignore: !available.webgpu,
  fn: async () => {
    const [[wholeRows, ...whole], [rows, ...cut]] = [
      await trained({}),
      await trained({ maxStorageBufferBindingSize: LIMIT }),
    ];
    assertEquals(cut, whole);
    // Columns are loss, gradient norm and token counts.
    const columns = rows.length / STEPS;
    rows.forEach((value, i) => {
      if (i % columns === 1) assert(Math.abs(value - wholeRows[i]) < 1e-5 * wholeRows[i]);
      else assertEquals(value, wholeRows[i]);
    });
  },
});
