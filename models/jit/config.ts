import type { XPredictionConfig } from "../diffusion/x_prediction.ts";
import { type DsmoeMoeConfig, validateMoe } from "../dsmoe/config.ts";
import { positive, wants } from "../fields.ts";

/** The network apart from its experts. Field names are the reference's. */
export interface JitModelConfig {
  /** Height and width of an image in pixels. */
  readonly input_size: number;
  /** Side of a square patch; a patch is a token. */
  readonly patch_size: number;
  /** Channels of an image. */
  readonly in_channels: number;
  /** D, channels of a token. */
  readonly hidden_size: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Attention heads. */
  readonly num_heads: number;
  /** Width of a dense feed-forward layer over `hidden_size`, before the gate takes a third of it. */
  readonly mlp_ratio: number;
  /** Classes, without the null class. */
  readonly num_classes: number;
  /** Probability of training on the null class. */
  readonly class_dropout_prob: number;
  /** Channels that a patch is squeezed to on its way to a token. */
  readonly bottleneck_dim: number;
  /** Class tokens in front of the image tokens; 0 for none. */
  readonly in_context_len: number;
  /** Block in front of which the class tokens join. */
  readonly in_context_start: number;
  /** Probability of dropping a channel in the middle half of the depth while training, experts apart. */
  readonly proj_drop: number;
}

/** Where the experts are, what they are, and how they are balanced. */
export interface JitMoeExpertsConfig extends DsmoeMoeConfig {
  /** Probability of dropping a hidden channel of an expert in the middle half of the depth while training. */
  readonly proj_drop: number;
}

/** A JiT: every block dense. */
export interface JitConfig {
  /** Tells the families apart in files. */
  readonly family: "jit";
  /** The network. */
  readonly model: JitModelConfig;
  /** How it is trained and sampled. */
  readonly objective: XPredictionConfig;
}

/** A JiTMoE: a JiT with experts in some of its blocks. */
export interface JitMoeConfig {
  /** Tells the families apart in files. */
  readonly family: "jitmoe";
  /** The network. */
  readonly model: JitModelConfig;
  /** Its experts. */
  readonly moe: JitMoeExpertsConfig;
  /** How it is trained and sampled. */
  readonly objective: XPredictionConfig;
}

/** Whether block `index` is in the middle half of the depth, where dropout is on while training. */
export function isDropoutBlock({ depth }: Pick<JitModelConfig, "depth">, index: number): boolean {
  const quarter = Math.floor(depth / 4);
  return index >= quarter && index < 3 * quarter;
}

/**
 * Checks ranges and relations of the fields of either family.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateJit(config: JitConfig | JitMoeConfig): void {
  validateNetwork(config.model);
  validateObjective(config.objective);
  if (config.family === "jit") return;
  validateMoe(config.moe);
  probability("moe.proj_drop", config.moe.proj_drop);
}

function validateNetwork(model: JitModelConfig): void {
  const { input_size, patch_size, in_channels, hidden_size, depth, num_heads, num_classes } = model;
  const { bottleneck_dim, in_context_len: context, in_context_start: start } = model;
  positive("model", { input_size, patch_size, in_channels, hidden_size, depth, num_heads, num_classes });
  positive("model", { bottleneck_dim });
  wants(
    input_size % patch_size === 0,
    "model.input_size",
    input_size,
    `a multiple of patch_size ${patch_size}`,
  );
  wants(
    hidden_size % (4 * num_heads) === 0,
    "model.hidden_size",
    hidden_size,
    `a multiple of 4 * num_heads ${4 * num_heads}`,
  );
  wants(model.mlp_ratio > 0, "model.mlp_ratio", model.mlp_ratio, "more than 0");
  wants(
    Number.isInteger(context) && context >= 0,
    "model.in_context_len",
    context,
    "a whole number of at least 0",
  );
  wants(
    Number.isInteger(start) && start >= 0 && (context === 0 || start < depth),
    "model.in_context_start",
    start,
    `the number of a block, 0 to ${depth - 1}`,
  );
  probability("model.class_dropout_prob", model.class_dropout_prob);
  probability("model.proj_drop", model.proj_drop);
}

function validateObjective({ P_mean, P_std, t_eps, noise_scale }: XPredictionConfig): void {
  wants(Number.isFinite(P_mean), "objective.P_mean", P_mean, "a finite number");
  wants(P_std >= 0 && Number.isFinite(P_std), "objective.P_std", P_std, "0 or more");
  wants(t_eps > 0 && t_eps < 1, "objective.t_eps", t_eps, "more than 0 and less than 1");
  wants(
    noise_scale > 0 && Number.isFinite(noise_scale),
    "objective.noise_scale",
    noise_scale,
    "more than 0",
  );
}

function probability(field: string, value: number): void {
  wants(value >= 0 && value < 1, field, value, "at least 0 and below 1");
}
