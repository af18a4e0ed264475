import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../engine/core/errors.ts";
import { PRESETS } from "../../models/presets.ts";
import { type TrainConfig, trainConfigOf, validateTrainConfig } from "../../train/config.ts";
import { peakRate } from "../../train/schedule.ts";

Deno.test("`trainConfigOf()` gives every preset a valid configuration", () => {
  for (const name of Object.keys(PRESETS)) validateTrainConfig(trainConfigOf(name));
});

Deno.test("`trainConfigOf()` gives latent presets the paper's recipe", () => {
  const { optim, train } = trainConfigOf("dsmoe-b-e16");
  assertEquals([optim.lr, optim.beta1, optim.beta2, optim.weight_decay], [1e-4, 0.9, 0.999, 0]);
  assertEquals([optim.ema_decay, optim.ema_decay2, optim.ema_buffers], [0.9999, 0, true]);
  assertEquals([optim.warmup_epochs, optim.clip_grad_norm, optim.lr_schedule], [0, 0, "constant"]);
  assertEquals([train.batch_size, train.steps], [512, 700_000]);
});

Deno.test("`trainConfigOf()` gives pixel presets the paper's recipe", () => {
  const config = trainConfigOf("jitmoe-b-16-e16");
  const { optim, train } = config;
  assertEquals([peakRate(config), optim.beta1, optim.beta2], [2e-4, 0.9, 0.95]);
  assertEquals([optim.ema_decay, optim.ema_decay2, optim.ema_buffers], [0.9999, 0.9996, false]);
  assertEquals([optim.warmup_epochs, optim.weight_decay_groups], [5, true]);
  // 200 epochs of 1,281,167 images in whole batches.
  assertEquals([train.batch_size, train.steps], [1024, 200 * Math.floor(1_281_167 / 1024)]);
});

Deno.test("`validateTrainConfig()` names the field, its value and what is wanted", () => {
  const nano = trainConfigOf("dsmoe-nano");
  const refuses = (optim: Partial<TrainConfig["optim"]>, message: string) => {
    const config = { ...nano, optim: { ...nano.optim, ...optim } };
    assertThrows(() => validateTrainConfig(config), ConfigError, message);
  };
  refuses({ lr: 0 }, "Cannot use optim.lr 0: wanted more than 0");
  refuses({ base_lr: -1 }, "Cannot use optim.base_lr -1: wanted 0 or more");
  refuses({ min_lr: -1 }, "Cannot use optim.min_lr -1");
  refuses({ ema_decay2: 1 }, "Cannot use optim.ema_decay2 1: wanted at least 0 and below 1");
  refuses({ ema_decay: 0, ema_decay2: 0.5 }, "0, since optim.ema_decay is 0");
  refuses({ warmup_epochs: 1 }, "0, since optim.warmup_steps is 20");
  refuses({ accumulation: 0 }, "Cannot use optim.accumulation 0");
});
