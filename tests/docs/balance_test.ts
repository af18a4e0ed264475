import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { join } from "@std/path";
import { balanceRun, type Balancing } from "../../docs/figures/balance.ts";
import type { Device } from "../../engine/device/device.ts";
import { worstLoadRatio } from "../../train/balance_plot.ts";
import type { TrainConfig } from "../../train/config.ts";
import { openDataset } from "../../train/dataset/mod.ts";
import { deviceTest } from "../devices.ts";
import { tinyConfig, withImages } from "../train/tiny_run.ts";

/** Ratio of the largest to the mean load, over the first and over the last 40 of 160 steps. */
async function ratios(device: Device, folder: string, images: string, balancing: Balancing) {
  const tiny = tinyConfig(images) as Extract<TrainConfig, { family: "dsmoe" }>;
  const config = {
    ...tiny,
    moe: { ...tiny.moe, ...balancing, num_experts: 8 },
    train: { ...tiny.train, steps: 160, log_every: 40, checkpoint_every: 160 },
  };
  const dataset = await openDataset({ data: images, imageSize: 8, cacheDirectory: join(folder, "cache") });
  const records = await balanceRun(device, config, dataset);
  assertEquals(records.map(({ experts }) => experts.length), [1, 1, 1, 1]);
  return { first: worstLoadRatio(records[0]), last: worstLoadRatio(records[3]) };
}

deviceTest(["cpu"], "the bias rule evens out a skewed router, and nothing does not", async (device) => {
  await withImages(async (folder, images) => {
    const none = await ratios(device, folder, images, { balance_rate: 0, aux_loss_alpha: 0 });
    const rule = await ratios(device, folder, images, { balance_rate: 0.01, aux_loss_alpha: 0 });
    const loss = await ratios(device, folder, images, { balance_rate: 0, aux_loss_alpha: 1 });
    assertGreater(none.first, 1.5);
    assertGreater(none.last, 1.5);
    assertLess(rule.last, 1.5);
    assertLess(loss.last, none.last);
  });
});
