import { countTransfers } from "../engine/device/webgpu/transfers.ts";
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import { openSafetensors } from "../../engine/checkpoint/safetensors.ts";
import { ConfigError, NonFiniteError } from "../../engine/core/errors.ts";
import { NullBackend } from "../../engine/device/null_backend.ts";
import type { WebGpuBackend } from "../../engine/device/webgpu/backend.ts";
import { PRESETS } from "../../models/presets.ts";
import { type TrainConfig, trainConfigOf } from "../../train/config.ts";
import type { Trainer } from "../../train/loop.ts";
import { readMetrics } from "../../train/metrics_log.ts";
import { requirePrecision } from "../../train/precision.ts";
import { planTraining } from "../../train/training_plan.ts";
import { deviceTest } from "../devices.ts";
import { type DsmoeTrainConfig, runTiny, tinyConfig, tinyTrainer, withImages } from "./tiny_run.ts";

function halfConfig(images: string, train: Partial<TrainConfig["train"]> = {}): DsmoeTrainConfig {
  const config = tinyConfig(images);
  return { ...config, train: { ...config.train, precision: "f16", ...train } };
}

/** Everything that a step may change but the scale of the loss. */
async function stateOf({ model, step: { optimizer } }: Trainer): Promise<unknown> {
  const states = [...optimizer.states.values()].flatMap((
    { m, v, steps, correction },
  ) => [m, v, steps, correction]);
  const tensors = [...model.params.all.map(({ tensor }) => tensor), ...states, ...optimizer.ema.values()];
  return await Promise.all(tensors.map((tensor) => tensor.read()));
}

deviceTest(
  ["webgpu"],
  "an overflow skips a step and halves the scale, good steps double it",
  (device) =>
    withImages(async (folder, images) => {
      using trainer = await tinyTrainer(device, folder, halfConfig(images));
      const { scale, good } = trainer.step.optimizer.lossScale!;
      const schedule = async () => [(await scale.read())[0], (await good.read())[0]];
      await trainer.takeStep(0);
      assertEquals(await schedule(), [2 ** 16, 1]);
      const before = await stateOf(trainer);
      scale.write(Float32Array.of(2 ** 60));
      await trainer.takeStep(1);
      assertEquals(await schedule(), [2 ** 59, 0]);
      assertEquals(await stateOf(trainer), before);
      scale.write(Float32Array.of(2 ** 10));
      good.write(Int32Array.of(1999));
      await trainer.takeStep(2);
      assertEquals(await schedule(), [2 ** 11, 0]);
      assert(JSON.stringify(await stateOf(trainer)) !== JSON.stringify(before));
    }),
);

deviceTest(
  ["webgpu"],
  "the loss follows that of f32 within 1%, and overflows are counted",
  (device) =>
    withImages(async (folder, images) => {
      const losses = async (precision: "f32" | "f16") => {
        const out = join(folder, precision);
        await runTiny(device, halfConfig(images, { steps: 24, precision }), out);
        return await readMetrics(join(out, "metrics.jsonl"));
      };
      const [single, half] = [await losses("f32"), await losses("f16")];
      for (const [i, { step, loss }] of single.entries()) {
        assertLess(Math.abs(half[i].loss / loss - 1), 0.01, `step ${step}`);
      }
      assertEquals(single.map(({ loss_scale }) => loss_scale), single.map(() => undefined));
      assertEquals(
        half.map(({ loss_scale, skipped }) => [loss_scale, skipped]),
        half.map(() => [2 ** 16, 0]),
      );
    }),
);

deviceTest(
  ["webgpu"],
  "a resumed run in half precision ends bit-equal to one without a break",
  (device) =>
    withImages(async (folder, images) => {
      const config = halfConfig(images);
      const whole = await runTiny(device, config, join(folder, "whole"));
      const out = join(folder, "broken");
      let asked = 0;
      await runTiny(device, config, out, { shouldStop: () => ++asked > 7 });
      const { checkpoint } = await runTiny(device, config, out, { resume: true });
      assertEquals(await Deno.readFile(checkpoint), await Deno.readFile(whole.checkpoint));
      using file = await openSafetensors(checkpoint);
      assertEquals(Array.from(await file.read("loss_scale.scale")), [2 ** 16]);
      assertEquals(Array.from(await file.read("loss_scale.good_steps")), [8]);
      assertEquals(file.tensors.get("model.blocks.0.attn.qkv.weight")?.dtype, "F32");
    }),
);

deviceTest(
  ["webgpu"],
  "weights that are not finite stop the run once the scale is 1",
  (device) =>
    withImages(async (folder, images) => {
      const config = halfConfig(images, { steps: 30, log_every: 10 });
      const wild = { ...config, optim: { ...config.optim, lr: 1e30, warmup_steps: 0 } };
      const out = join(folder, "run");
      const error = await assertRejects(() => runTiny(device, wild, out), NonFiniteError);
      assertStringIncludes(error.message, 'Step 18 is not finite: Module "');
      const [{ skipped }] = await readMetrics(join(out, "metrics.jsonl"));
      assertEquals(skipped, 9);
    }),
);

deviceTest(
  ["webgpu"],
  "an eager step in half precision gives the recorded step's weights",
  (device) =>
    withImages(async (folder, images) => {
      const config = halfConfig(images, { steps: 2 });
      const recorded = await runTiny(device, config, join(folder, "recorded"));
      const eager = await runTiny(device, config, join(folder, "eager"), { eager: true });
      assertEquals(await Deno.readFile(eager.checkpoint), await Deno.readFile(recorded.checkpoint));
    }),
);

deviceTest(
  ["cpu", "reference"],
  "`train()` refuses half precision before it writes anything",
  (device) =>
    withImages(async (folder, images) => {
      const out = join(folder, "run");
      await assertRejects(
        () => runTiny(device, halfConfig(images), out),
        ConfigError,
        `Cannot train with --precision f16 on the ${device.kind} device: wanted --device webgpu`,
      );
      await assertRejects(() => Deno.stat(out), Deno.errors.NotFound);
    }),
);

deviceTest(
  ["webgpu"],
  "a step in half precision is one submit and no readback",
  (device) =>
    withImages(async (folder, images) => {
      using trainer = await tinyTrainer(device, folder, halfConfig(images));
      const counts = await countTransfers(device.backend as WebGpuBackend, () => trainer.takeStep(0));
      assertEquals(counts, { submits: 1, reads: 0 });
      await device.finish();
    }),
);

Deno.test("`requirePrecision()` names an adapter without shader-f16", () => {
  class Older extends NullBackend {
    override readonly halfPrecision = false;
    override readonly description = "Some GPU";
  }
  requirePrecision(new Older(), "f32");
  assertThrows(
    () => requirePrecision(new Older(), "f16"),
    ConfigError,
    "Cannot train with --precision f16 on Some GPU: wanted an adapter with the feature shader-f16; --precision f32 runs",
  );
});

/** The smallest preset of each family. */
const SMALLEST = Object.keys(PRESETS).filter((name) => name.toLowerCase().endsWith("-nano"));

for (const name of SMALLEST) {
  Deno.test(`a step of ${name} in half precision takes less memory for activations`, async () => {
    const config = trainConfigOf(name);
    const plan = (precision: "f32" | "f16") =>
      planTraining({ ...config, train: { ...config.train, precision } }, { kind: "webgpu" });
    const [single, half] = [await plan("f32"), await plan("f16")];
    assertLess(half.memory.activations, 0.8 * single.memory.activations);
    assertEquals(half.memory.gradients, single.memory.gradients);
    await assertRejects(
      () => planTraining({ ...config, train: { ...config.train, precision: "f16" } }, { kind: "cpu" }),
      ConfigError,
      "on the cpu device",
    );
  });
}
