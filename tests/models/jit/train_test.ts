import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { readMetrics } from "../../../train/metrics_log.ts";
import { type TrainConfig, trainConfigOf } from "../../../train/config.ts";
import type { JitMoeConfig } from "../../../models/jit/config.ts";
import { deviceTest } from "../../devices.ts";
import { runTiny, tinyConfig, withImages } from "../../train/tiny_run.ts";

/** A JiTMoE with dropout that takes milliseconds a step, on images of 8x8. */
function tinyJitMoe(images: string): TrainConfig {
  const nano = trainConfigOf("jitmoe-nano") as JitMoeConfig & TrainConfig;
  const { train, data } = tinyConfig(images);
  return {
    ...nano,
    model: {
      ...nano.model,
      input_size: 8,
      patch_size: 2,
      hidden_size: 16,
      num_heads: 2,
      num_classes: 2,
      bottleneck_dim: 6,
      proj_drop: 0.2,
    },
    moe: { ...nano.moe, num_experts: 4, moe_intermediate_size: 16, proj_drop: 0.2 },
    train: { ...train, steps: 6 },
    data,
  };
}

deviceTest(
  ["cpu"],
  "a JiTMoE with dropout trains, and ends bit-equal when it was stopped and resumed",
  (device) =>
    withImages(async (folder, images) => {
      const config = tinyJitMoe(images);
      const whole = await runTiny(device, config, join(folder, "whole"));
      const records = await readMetrics(join(folder, "whole", "metrics.jsonl"));
      assert(records.flatMap(({ losses }) => losses).every((loss) => loss > 0 && loss < 100));
      assertEquals(records[0].experts.map(({ layer }) => layer), ["blocks.1.mlp", "blocks.3.mlp"]);
      const out = join(folder, "broken");
      let asked = 0;
      await runTiny(device, config, out, { shouldStop: () => ++asked > 5 });
      const { steps, checkpoint } = await runTiny(device, config, out, { resume: true });
      assertEquals(steps, 6);
      assertEquals(await Deno.readFile(checkpoint), await Deno.readFile(whole.checkpoint));
    }),
);
