import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type TrainConfig, trainConfigOf } from "../../train/config.ts";
import { learningRate, peakRate, rateAtEpoch, stepsPerEpoch } from "../../train/schedule.ts";

/** 10 steps an epoch on 160 images, 100 steps. */
const IMAGES = 160;

function config(optim: Partial<TrainConfig["optim"]>): TrainConfig {
  const nano = trainConfigOf("dsmoe-nano");
  return {
    ...nano,
    optim: { ...nano.optim, lr: 1, warmup_steps: 0, ...optim },
    train: { ...nano.train, steps: 100, batch_size: 16 },
  };
}

Deno.test("`learningRate()` rises above zero at the first step of a warm-up in steps, then stays", () => {
  const rates = [0, 1, 3, 4, 99].map((step) => learningRate(config({ warmup_steps: 4 }), step, IMAGES));
  assertEquals(rates, [0.25, 0.5, 1, 1, 1]);
});

Deno.test("`learningRate()` rises from zero in a warm-up of fractional epochs", () => {
  const rates = [0, 5, 10, 15, 99].map((step) => learningRate(config({ warmup_epochs: 1.5 }), step, IMAGES));
  rates.forEach((rate, i) => assertAlmostEquals(rate, [0, 1 / 3, 2 / 3, 1, 1][i], 1e-12));
});

Deno.test("`learningRate()` falls by half a cosine from the end of the warm-up to `min_lr`", () => {
  for (const warmup of [{ warmup_epochs: 2 }, { warmup_steps: 20 }]) {
    const cosine = config({ ...warmup, lr_schedule: "cosine", min_lr: 0.1 });
    const rate = (step: number) => learningRate(cosine, step, IMAGES);
    assertAlmostEquals(rate(20), 1, 1e-12);
    assertAlmostEquals(rate(40), 0.1 + 0.9 * 0.5 * (1 + Math.cos(Math.PI / 4)), 1e-12);
    assertAlmostEquals(rate(60), 0.55, 1e-12);
    assertAlmostEquals(rate(100), 0.1, 1e-12);
  }
});

Deno.test("`peakRate()` scales `base_lr` by the images of an update over 256", () => {
  assertEquals(peakRate(config({ base_lr: 0 })), 1);
  assertEquals(peakRate(config({ base_lr: 0.5 })), 0.5 * 16 / 256);
  assertEquals(peakRate(config({ base_lr: 0.5, accumulation: 4 })), 0.5 * 64 / 256);
});

Deno.test("`stepsPerEpoch()` counts whole updates, and at least one", () => {
  assertEquals(stepsPerEpoch(config({}), IMAGES), 10);
  assertEquals(stepsPerEpoch(config({}), 175), 10);
  assertEquals(stepsPerEpoch(config({ accumulation: 2 }), IMAGES), 5);
  assertEquals(stepsPerEpoch(config({}), 3), 1);
});

Deno.test("`rateAtEpoch()` is the reference's formula", () => {
  const schedule = { lr: 2e-4, min_lr: 1e-6, lr_schedule: "cosine", warmup_epochs: 5, epochs: 600 } as const;
  assertEquals(rateAtEpoch(schedule, 0), 0);
  assertAlmostEquals(rateAtEpoch(schedule, 1.25), 5e-5, 1e-18);
  assertAlmostEquals(rateAtEpoch(schedule, 302.5), (2e-4 + 1e-6) / 2, 1e-15);
});
