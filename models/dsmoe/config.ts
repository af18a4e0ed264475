import { positive, wants } from "../fields.ts";
import type { RopeType } from "../layers/attention.ts";
import type { MoeConfig } from "../moe/sparse_moe.ts";

/** The network apart from its experts. Field names are the reference's. */
export interface DsmoeModelConfig {
  /** Height and width of the input, in latent or image pixels. */
  readonly input_size: number;
  /** Side of a square patch; a patch is a token. */
  readonly patch_size: number;
  /** Channels of the input. */
  readonly in_channels: number;
  /** D, channels of a token. */
  readonly hidden_size: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Attention heads. */
  readonly num_heads: number;
  /** Channels of an attention head; `hidden_size / num_heads` where null. */
  readonly head_dim: number | null;
  /** Width of a dense feed-forward layer over `hidden_size`. */
  readonly mlp_ratio: number;
  /** Classes, without the null class. */
  readonly num_classes: number;
  /** Probability of training on the null class. */
  readonly class_dropout_prob: number;
  /** Twice the output channels; the second half is unused by the loss and the sampler (behaviour 4). */
  readonly learn_sigma: boolean;
  /** Rotary encoding; a fixed position embedding is added where it is "none". */
  readonly rope_type: RopeType;
  /** Normalisation before attention and feed-forward. */
  readonly norm_type: "layernorm" | "rmsnorm";
  /** Attention across the batch with sink logits (behaviour 15). */
  readonly use_sinks: boolean;
  /** Window of sink attention; 0 for none. */
  readonly sliding_window: number;
  /** Half as many heads for keys and values. */
  readonly enable_gqa: boolean;
}

/** Where the experts are, what they are, and how they are balanced. */
export interface DsmoeMoeConfig extends MoeConfig {
  /** MoE in odd blocks only; every block where false. */
  readonly interleave: boolean;
  /** Number of leading blocks that stay dense; the reference's `true` is 2 (behaviour 28). */
  readonly skip_first2: number;
  /** Step of the balance bias: 0.001 in the paper, 0 in the released code, which never updates it. */
  readonly balance_rate: number;
}

/** A whole DSMoE. */
export interface DsmoeConfig {
  /** Tells the families apart in files. */
  readonly family: "dsmoe";
  /** The network. */
  readonly model: DsmoeModelConfig;
  /** Its experts. */
  readonly moe: DsmoeMoeConfig;
}

/** Whether block `index` holds experts. */
export function isMoeBlock({ interleave, skip_first2: skip }: DsmoeMoeConfig, index: number): boolean {
  return index >= skip && (!interleave || index % 2 === 1);
}

/** Channels that the network puts out: twice the input's with `learn_sigma`. */
export function outputChannels({ in_channels: channels, learn_sigma: sigma }: DsmoeModelConfig): number {
  return sigma ? 2 * channels : channels;
}

/**
 * Checks ranges and relations of the fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateDsmoe({ model, moe }: DsmoeConfig): void {
  const { input_size, patch_size, in_channels, hidden_size, depth, num_heads, num_classes } = model;
  positive("model", { input_size, patch_size, in_channels, hidden_size, depth, num_heads, num_classes });
  wants(
    input_size % patch_size === 0,
    "model.input_size",
    input_size,
    `a multiple of patch_size ${patch_size}`,
  );
  wants(hidden_size % 4 === 0, "model.hidden_size", hidden_size, "a multiple of 4");
  wants(
    model.class_dropout_prob >= 0 && model.class_dropout_prob < 1,
    "model.class_dropout_prob",
    model.class_dropout_prob,
    "at least 0 and below 1",
  );
  wants(model.mlp_ratio > 0, "model.mlp_ratio", model.mlp_ratio, "more than 0");
  validateMoe(moe);
}

/**
 * Checks ranges and relations of the fields of a layer of experts.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateMoe(moe: DsmoeMoeConfig): void {
  const { num_experts, moe_intermediate_size, n_group, topk_group, num_experts_per_tok } = moe;
  positive("moe", { num_experts, moe_intermediate_size, n_group, topk_group, num_experts_per_tok });
  wants(
    num_experts % n_group === 0,
    "moe.n_group",
    n_group,
    `a divisor of num_experts ${num_experts}`,
  );
  wants(topk_group <= n_group, "moe.topk_group", topk_group, `at most n_group ${n_group}`);
  wants(
    num_experts_per_tok <= num_experts,
    "moe.num_experts_per_tok",
    num_experts_per_tok,
    `at most num_experts ${num_experts}`,
  );
  const { balance_rate, aux_loss_alpha = 0 } = moe;
  wants(balance_rate >= 0, "moe.balance_rate", balance_rate, "0 or more");
  wants(aux_loss_alpha >= 0, "moe.aux_loss_alpha", aux_loss_alpha, "0 or more");
}
