import { positive, wants } from "../fields.ts";
import type { BaseModelConfig } from "../model.ts";

/** The network apart from its experts. Field names are the reference's. */
export interface DitModelConfig extends BaseModelConfig {
  /** D, channels of a token. */
  readonly hidden_size: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Attention heads. */
  readonly num_heads: number;
  /** Width of a feed-forward layer, and of one expert, over `hidden_size`. */
  readonly mlp_ratio: number;
  /** Twice the output channels; the second half is unused by the loss and the sampler (behaviour 4). */
  readonly learn_sigma: boolean;
  /** Gated feed-forward layers without biases in place of GELU ones with biases (behaviour 18). */
  readonly use_swiglu: boolean;
}

/** A dense DiT. */
export interface DitConfig {
  /** Tells the families apart in files. */
  readonly family: "dit";
  /** The network. */
  readonly model: DitModelConfig;
}

/** Where the experts of a routed DiT are and how many take part. Field names are the reference's. */
export interface DitMoeConfig {
  /** E, number of routed experts. */
  readonly num_experts: number;
  /** Experts of a token: exactly where tokens choose, on average where experts do. */
  readonly capacity: number;
  /** Whether (and, in token and expert choice, how wide) one more expert sees every token; 0 for none. */
  readonly n_shared_experts: number;
  /** MoE in odd blocks only; every block where false. */
  readonly interleave: boolean;
}

/** Whether block `index` holds experts. */
export function isRoutedBlock({ interleave }: DitMoeConfig, index: number): boolean {
  return !interleave || index % 2 === 1;
}

/** Channels that the network puts out: twice the input's with `learn_sigma`. */
export function ditOutputChannels({ in_channels: channels, learn_sigma: sigma }: DitModelConfig): number {
  return sigma ? 2 * channels : channels;
}

/** Hidden channels of a feed-forward layer. */
export function feedForwardWidth({ hidden_size: hidden, mlp_ratio: ratio }: DitModelConfig): number {
  return Math.trunc(hidden * ratio);
}

/**
 * Tokens that each of `experts` experts takes from `tokens`, if a token is to have `capacity` experts on average:
 * `int(tokens / experts * capacity)`, as the reference rounds it.
 */
export function tokensOfExpert(
  tokens: number,
  { num_experts: experts, capacity }: Pick<DitMoeConfig, "num_experts" | "capacity">,
): number {
  return Math.trunc(tokens / experts * capacity);
}

/**
 * Checks ranges and relations of the fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateDit({ model }: Pick<DitConfig, "model">): void {
  const { input_size, patch_size, in_channels, hidden_size, depth, num_heads, num_classes } = model;
  positive("model", { input_size, patch_size, in_channels, hidden_size, depth, num_heads, num_classes });
  const multiple = (field: string, value: number, of: number, name: string) =>
    wants(value % of === 0, `model.${field}`, value, `a multiple of ${name}${of}`);
  multiple("input_size", input_size, patch_size, "patch_size ");
  multiple("hidden_size", hidden_size, 4, "");
  multiple("hidden_size", hidden_size, num_heads, "num_heads ");
  const { class_dropout_prob: drop, mlp_ratio: ratio } = model;
  wants(drop >= 0 && drop < 1, "model.class_dropout_prob", drop, "at least 0 and below 1");
  wants(
    feedForwardWidth(model) >= 1,
    "model.mlp_ratio",
    ratio,
    `at least 1 / hidden_size, 1 / ${hidden_size}`,
  );
}

/**
 * Checks ranges and relations of the experts' fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateDitMoe(moe: DitMoeConfig): void {
  const { num_experts: experts, capacity, n_shared_experts: shared } = moe;
  positive("moe", { num_experts: experts });
  wants(
    capacity > 0 && capacity <= experts,
    "moe.capacity",
    capacity,
    `more than 0, at most num_experts ${experts}`,
  );
  const whole = Number.isInteger(shared) && shared >= 0;
  wants(whole, "moe.n_shared_experts", shared, "a whole number of at least 0");
}
