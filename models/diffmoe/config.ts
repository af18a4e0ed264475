import { type DitModelConfig, type DitMoeConfig, validateDit, validateDitMoe } from "../dit/config.ts";
import { wants } from "../fields.ts";

/** The network apart from its experts. Field names are the reference's. */
export interface DiffMoeModelConfig extends DitModelConfig {
  /** Weight of the capacity predictors' loss: 1 in the published configurations, 0.01 by default (behaviour 35). */
  readonly CapacityPred_loss_weight: number;
}

/** Where the experts are, how many tokens they take, and how the thresholds follow. */
export interface DiffMoeMoeConfig extends DitMoeConfig {
  /** Weight of the old threshold in its moving average. */
  readonly threshold_ema_decay: number;
  /** Last step at which every expert takes every token; 0, with the next field, for no schedule. */
  readonly capacity_schedule_stage_I_iters: number;
  /** Last step of the linear decline to `capacity`. */
  readonly capacity_schedule_stage_II_iters: number;
}

/** A whole DiffMoE. */
export interface DiffMoeConfig {
  /** Tells the families apart in files. */
  readonly family: "diffmoe";
  /** The network. */
  readonly model: DiffMoeModelConfig;
  /** Its experts. */
  readonly moe: DiffMoeMoeConfig;
}

/**
 * Checks ranges and relations of the fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateDiffMoe({ model, moe }: DiffMoeConfig): void {
  validateDit({ model });
  validateDitMoe(moe);
  const { CapacityPred_loss_weight: weight } = model;
  wants(weight >= 0, "model.CapacityPred_loss_weight", weight, "0 or more");
  const { threshold_ema_decay: decay } = moe;
  wants(decay >= 0 && decay < 1, "moe.threshold_ema_decay", decay, "at least 0 and below 1");
  const { capacity_schedule_stage_I_iters: first, capacity_schedule_stage_II_iters: second } = moe;
  const whole = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;
  wants(whole(first, 0), "moe.capacity_schedule_stage_I_iters", first, "a whole number of at least 0");
  wants(
    whole(second, first),
    "moe.capacity_schedule_stage_II_iters",
    second,
    `a whole number of at least capacity_schedule_stage_I_iters ${first}`,
  );
}
