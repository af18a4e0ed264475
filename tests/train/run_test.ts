import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { CheckpointError, ConfigError, DataError, NonFiniteError } from "../../engine/core/errors.ts";
import { openSafetensors } from "../../engine/checkpoint/safetensors.ts";
import { openDevice } from "../../engine/device/open.ts";
import { checkpointInfo } from "../../train/checkpoint.ts";
import { readMetrics } from "../../train/metrics_log.ts";
import { deviceTest } from "../devices.ts";
import { runTiny, tinyConfig, withImages } from "./tiny_run.ts";

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`train()` writes metrics of every step and a checkpoint",
  (device) =>
    withImages(async (folder, images) => {
      const out = join(folder, "run");
      const { steps, checkpoint } = await runTiny(device, tinyConfig(images), out);
      assertEquals(steps, 8);
      const records = await readMetrics(join(out, "metrics.jsonl"));
      assertEquals(records.map(({ step }) => step), [2, 4, 6, 8]);
      const losses = records.flatMap((record) => record.losses);
      assertEquals(losses.length, 8);
      assert(losses.every((loss) => loss > 0 && loss < 10), `${losses}`);
      assertEquals(records[0].experts.map(({ layer }) => layer), ["blocks.1.mlp"]);
      using file = await openSafetensors(checkpoint);
      assertEquals(checkpointInfo(file).step, 8);
      assertEquals(file.tensors.get("ema.blocks.1.mlp.experts.blocks.3.up_proj.weight")?.shape, [16, 16]);
    }),
);

deviceTest(
  ["cpu", "webgpu"],
  "two runs with one seed give bit-equal checkpoints, and another seed does not",
  (device) =>
    withImages(async (folder, images) => {
      const bytes = async (name: string, seed: number) => {
        const config = tinyConfig(images);
        const { checkpoint } = await runTiny(
          device,
          { ...config, train: { ...config.train, seed } },
          join(folder, name),
        );
        return await Deno.readFile(checkpoint);
      };
      const first = await bytes("a", 1);
      assertEquals(await bytes("b", 1), first);
      assert((await bytes("c", 2)).some((byte, i) => byte !== first[i]));
    }),
);

deviceTest(
  ["cpu", "webgpu"],
  "a resumed run ends bit-equal to one without a break",
  (device) =>
    withImages(async (folder, images) => {
      const config = tinyConfig(images);
      const whole = await runTiny(device, config, join(folder, "whole"));
      const out = join(folder, "broken");
      let asked = 0;
      await runTiny(device, config, out, { shouldStop: () => ++asked > 7 });
      const { steps, checkpoint } = await runTiny(device, config, out, { resume: true });
      assertEquals(steps, 8);
      assertEquals(await Deno.readFile(checkpoint), await Deno.readFile(whole.checkpoint));
      const metrics = await readMetrics(join(out, "metrics.jsonl"));
      const losses = (records: typeof metrics) => records.flatMap((record) => record.losses);
      assertEquals(losses(metrics), losses(await readMetrics(join(folder, "whole", "metrics.jsonl"))));
    }),
);

deviceTest(
  ["cpu"],
  "the eager step gives the recorded step's weights",
  (device) =>
    withImages(async (folder, images) => {
      const recorded = await runTiny(device, tinyConfig(images), join(folder, "recorded"));
      const eager = await runTiny(device, tinyConfig(images), join(folder, "eager"), { eager: true });
      assertEquals(await Deno.readFile(eager.checkpoint), await Deno.readFile(recorded.checkpoint));
    }),
);

deviceTest(["reference"], "two accumulated batches make one optimizer step", async (device) => {
  await withImages(async (folder, images) => {
    const config = tinyConfig(images);
    const { checkpoint } = await runTiny(device, {
      ...config,
      optim: { ...config.optim, accumulation: 2 },
      train: { ...config.train, steps: 2 },
    }, join(folder, "accumulated"));
    using file = await openSafetensors(checkpoint);
    assertEquals(checkpointInfo(file).config.optim.accumulation, 2);
    const steps = await file.read("step.x_embedder.proj.bias");
    assertEquals(Array.from(steps), [2]);
  });
});

deviceTest(
  ["cpu", "webgpu"],
  "a loss that is not finite stops the run, names the module, keeps the checkpoint",
  (device) =>
    withImages(async (folder, images) => {
      const config = tinyConfig(images);
      const out = join(folder, "run");
      const wild = { ...config, optim: { ...config.optim, lr: 1e30, warmup_steps: 0 } };
      const error = await assertRejects(() => runTiny(device, wild, out), NonFiniteError);
      assertStringIncludes(error.message, 'is not finite: Module "');
      using file = await openSafetensors(join(out, "checkpoint.safetensors"));
      assertEquals(checkpointInfo(file).step, 0);
    }),
);

deviceTest(
  ["cpu"],
  "`train()` refuses to overwrite a run, to resume nothing, and to resume on other images",
  (device) =>
    withImages(async (folder, images) => {
      const config = tinyConfig(images, {});
      const out = join(folder, "run");
      await assertRejects(
        () => runTiny(device, config, out, { resume: true }),
        CheckpointError,
        "Cannot open",
      );
      await runTiny(device, config, out);
      const before = await Deno.readFile(join(out, "checkpoint.safetensors"));
      await assertRejects(() => runTiny(device, config, out), DataError, "--resume");
      await Deno.remove(join(images, "warm", "0.png"));
      await assertRejects(() => runTiny(device, config, out, { resume: true }), ConfigError, "other images");
      const smaller = { ...config, model: { ...config.model, hidden_size: 8 } };
      await assertRejects(() => runTiny(device, smaller, out, { resume: true }));
      assertEquals(await Deno.readFile(join(out, "checkpoint.safetensors")), before);
    }),
);

deviceTest(["cpu", "webgpu"], "closing a device after training returns every byte", async (shared) => {
  await withImages(async (folder, images) => {
    const device = await openDevice(shared.kind);
    await runTiny(device, tinyConfig(images), join(folder, "run"));
    device[Symbol.dispose]();
    assertEquals(device.memory().live, 0);
  });
});
