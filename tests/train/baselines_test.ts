import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { openSafetensors } from "../../engine/checkpoint/safetensors.ts";
import { readMetrics } from "../../train/metrics_log.ts";
import { type TrainConfig, trainConfigOf } from "../../train/config.ts";
import { deviceTest } from "../devices.ts";
import { runTiny, tinyConfig, withImages } from "./tiny_run.ts";

/** A baseline that takes milliseconds a step, on images of 8x8. */
function tinyBaseline(preset: string, images: string, accumulation = 1): TrainConfig {
  const { model, train, data } = tinyConfig(images);
  const { input_size, patch_size, hidden_size, depth, num_heads, num_classes } = model;
  const nano = trainConfigOf(preset);
  const sizes = { input_size, patch_size, hidden_size, depth, num_heads, num_classes };
  const moe = "moe" in nano ? { moe: { ...nano.moe, num_experts: 4 } } : {};
  const optim = { ...nano.optim, accumulation };
  return { ...nano, model: { ...nano.model, ...sizes }, ...moe, optim, train, data } as TrainConfig;
}

for (const preset of ["dit-nano", "diffmoe-nano", "tcdit-nano", "ecdit-nano"]) {
  deviceTest(
    ["cpu"],
    `a resumed run of ${preset} ends bit-equal to one without a break`,
    (device) =>
      withImages(async (folder, images) => {
        const config = tinyBaseline(preset, images, 2);
        const whole = await runTiny(device, config, join(folder, "whole"));
        const out = join(folder, "broken");
        let asked = 0;
        await runTiny(device, config, out, { shouldStop: () => ++asked > 4 });
        const resumed = await runTiny(device, config, out, { resume: true });
        assertEquals(await Deno.readFile(resumed.checkpoint), await Deno.readFile(whole.checkpoint));
        const records = await readMetrics(join(folder, "whole", "metrics.jsonl"));
        assert(records.flatMap(({ losses }) => losses).every((loss) => loss > 0 && loss < 10));
        const layers = records[0].experts.map(({ layer }) => layer);
        assertEquals(layers, preset === "dit-nano" ? [] : ["blocks.1.mlp"]);
      }),
  );
}

deviceTest(
  ["cpu", "webgpu"],
  "training moves the thresholds of DiffMoE and their average",
  (device) =>
    withImages(async (folder, images) => {
      const { checkpoint } = await runTiny(device, tinyBaseline("diffmoe-nano", images), join(folder, "run"));
      using file = await openSafetensors(checkpoint);
      const read = async (name: string) =>
        await file.read(`${name}.blocks.1.mlp.expert_threshold`) as Float32Array;
      const [now, average] = [await read("model"), await read("ema")];
      assert(now.every((value) => value > 0.05 && value < 0.5), `${now}`);
      assert(average.every((value, e) => value > 0 && value < now[e]), `${average} for ${now}`);
    }),
);
