import { ConfigError } from "../../engine/core/errors.ts";
import type { BlockConfig } from "../../models/dsmoe/block.ts";
import type { DsmoeConfig, DsmoeModelConfig, DsmoeMoeConfig } from "../../models/dsmoe/config.ts";
import type { AttentionConfig, RopeType } from "../../models/layers/attention.ts";
import type { MoeConfig } from "../../models/moe/sparse_moe.ts";
import type { Fields } from "./fields.ts";

const ROPE_TYPES: readonly RopeType[] = ["none", "1d", "2d"];

/**
 * The configuration of a golden file's whole model.
 *
 * @throws {ConfigError} for a switch that is not supported
 */
export function dsmoeConfigOf(config: Fields): DsmoeConfig {
  const model = modelOf(config.section("model"));
  const moe = moeOf(config.section("MoE_config"), model.hidden_size, normalizes(config));
  return { family: "dsmoe", model, moe };
}

/** Whether routing weights are divided by their sum: a constant of the reference, which some files spell out. */
export function normalizes(config: Fields): boolean {
  if (!config.has("constants")) return true;
  const constants = config.section("constants");
  const normalize = constants.flag("norm_topk_prob", true);
  constants.finish();
  return normalize;
}

function modelOf(fields: Fields): DsmoeModelConfig {
  // The dense layers of this family are never gated; the other families read these two.
  fields.requireOff("use_swiglu");
  fields.ignore("CapacityPred_loss_weight");
  const model: DsmoeModelConfig = {
    input_size: fields.number("input_size"),
    patch_size: fields.number("patch_size"),
    in_channels: fields.number("in_channels"),
    depth: fields.number("depth"),
    num_classes: fields.number("num_classes"),
    class_dropout_prob: fields.number("class_dropout_prob"),
    learn_sigma: fields.flag("learn_sigma"),
    ...readBlock(fields),
  };
  fields.finish();
  return model;
}

/** The part of the configuration that a block shares with its model. */
export function readBlock(fields: Fields): BlockConfig {
  return {
    hidden_size: fields.number("hidden_size"),
    num_heads: fields.number("num_heads"),
    head_dim: fields.optionalNumber("head_dim"),
    mlp_ratio: fields.number("mlp_ratio"),
    rope_type: fields.choice("rope_type", ROPE_TYPES),
    norm_type: fields.choice("norm_type", ["layernorm", "rmsnorm"]),
    use_sinks: fields.flag("use_sinks"),
    sliding_window: fields.number("sliding_window"),
    enable_gqa: fields.flag("enable_gqa"),
  };
}

/** The configuration of a golden file's expert layer with its place in a model. */
export function moeOf(fields: Fields, hidden: number, normalize: boolean): DsmoeMoeConfig {
  // How the experts are initialised, and a capacity that only the other families have.
  fields.ignore("capacity", "init_MoeMLP");
  fields.requireOff("skip_last2");
  const moe: DsmoeMoeConfig = {
    ...readExperts(fields, hidden, normalize),
    interleave: fields.flag("interleave"),
    skip_first2: denseLead(fields.value("skip_first2") ?? false),
    balance_rate: 0,
  };
  fields.finish();
  return moe;
}

/** Leading blocks that stay dense: the reference takes a number, or true for two. */
function denseLead(skip: unknown): number {
  if (typeof skip === "number") return skip;
  if (typeof skip === "boolean") return skip ? 2 : 0;
  throw new ConfigError(`Cannot use skip_first2 ${JSON.stringify(skip)}: wanted true, false or a number`);
}

/** @throws {ConfigError} when the layer's width is not the one of the tokens around it */
export function readExperts(fields: Fields, hidden: number, normalize: boolean): MoeConfig {
  const own = fields.number("hidden_size", hidden);
  if (own !== hidden) {
    throw new ConfigError(`Cannot use ${fields.where}.hidden_size ${own}: wanted the model's ${hidden}`);
  }
  return {
    num_experts: fields.number("num_experts"),
    moe_intermediate_size: fields.number("moe_intermediate_size"),
    n_group: fields.number("n_group"),
    topk_group: fields.number("topk_group"),
    num_experts_per_tok: fields.number("num_experts_per_tok"),
    routed_scaling_factor: fields.number("routed_scaling_factor"),
    norm_topk_prob: fields.flag("norm_topk_prob", normalize),
    use_shared_expert: fields.flag("use_shared_expert"),
    aux_loss_alpha: 0,
  };
}

/** @throws {ConfigError} for a switch that is not supported */
export function attentionOf(fields: Fields, tokens: number): AttentionConfig {
  const config: AttentionConfig = {
    dim: fields.number("dim"),
    num_heads: fields.number("num_heads"),
    head_dim: fields.optionalNumber("head_dim"),
    qkv_bias: fields.flag("qkv_bias"),
    qk_norm: fields.flag("qk_norm"),
    rope_type: fields.choice("rope_type", ROPE_TYPES),
    use_sinks: fields.flag("use_sinks"),
    sliding_window: fields.number("sliding_window"),
    enable_gqa: fields.flag("enable_gqa"),
  };
  requirePositions(fields, config.rope_type, tokens);
  fields.finish();
  return config;
}

/**
 * Checks that the reference's rotary table is the one that the layer builds for its tokens: a grid is as large as the
 * tokens say, a line may be longer.
 *
 * @throws {ConfigError} when it is not
 */
export function requirePositions(fields: Fields, rope: RopeType, tokens: number): void {
  const positions = fields.number("rope_max_pos", tokens);
  if (rope === "none" || positions === tokens || (rope === "1d" && positions > tokens)) return;
  throw new ConfigError(
    `Cannot use ${fields.where}.rope_max_pos ${positions} with ${tokens} tokens and rope_type "${rope}": wanted ${tokens}`,
  );
}
