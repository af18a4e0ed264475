import type { OptimConfig, TrainConfig } from "./config.ts";

/** A learning rate over a run, in epochs: passes over the images, which may be fractions. */
export interface RateSchedule {
  /** Rate after the warm-up. */
  readonly lr: number;
  /** Rate at the end of the half-cosine. */
  readonly min_lr: number;
  /** What follows the warm-up. */
  readonly lr_schedule: OptimConfig["lr_schedule"];
  /** Epochs over which the rate rises linearly from 0. */
  readonly warmup_epochs: number;
  /** Length of the run. */
  readonly epochs: number;
}

/**
 * The rate at a point of a run: a linear warm-up, then constant or half a cosine (reference behaviour 32).
 *
 * @param epoch 0 at the start; 0.5 after half of the images
 */
export function rateAtEpoch(schedule: RateSchedule, epoch: number): number {
  const { lr, min_lr: least, warmup_epochs: warmup, epochs } = schedule;
  if (epoch < warmup) return lr * epoch / warmup;
  if (schedule.lr_schedule === "constant") return lr;
  const progress = (epoch - warmup) / (epochs - warmup);
  return least + (lr - least) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/**
 * Learning rate of a step. A warm-up in steps starts above zero; one in epochs starts at zero, as in the reference.
 *
 * @param step 0 for the first step
 * @param images size of the data set, which says how long an epoch is
 */
export function learningRate(config: TrainConfig, step: number, images: number): number {
  const { optim, train } = config;
  const lr = peakRate(config);
  if (step < optim.warmup_steps) return lr * (step + 1) / optim.warmup_steps;
  const perEpoch = stepsPerEpoch(config, images);
  const warmup_epochs = Math.max(optim.warmup_epochs, optim.warmup_steps / perEpoch);
  return rateAtEpoch({ ...optim, lr, warmup_epochs, epochs: train.steps / perEpoch }, step / perEpoch);
}

/** `lr`, or `base_lr` scaled by the images of an update over 256 where it is set (Goyal et al., arXiv 1706.02677). */
export function peakRate({ optim, train }: TrainConfig): number {
  const { lr, base_lr: base, accumulation } = optim;
  return base > 0 ? base * (train.batch_size * accumulation) / 256 : lr;
}

/** Updates of one pass over the images; an incomplete last batch is not counted, and there is at least one. */
export function stepsPerEpoch({ optim, train }: TrainConfig, images: number): number {
  return Math.max(1, Math.floor(images / (train.batch_size * optim.accumulation)));
}
