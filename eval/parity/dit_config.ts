import { ConfigError } from "../../engine/core/errors.ts";
import type { EcDitConfig, TcDitConfig, TokenChoiceConfig } from "../../models/choice/config.ts";
import type { DiffMoeConfig, DiffMoeMoeConfig } from "../../models/diffmoe/config.ts";
import type { DitConfig, DitModelConfig, DitMoeConfig } from "../../models/dit/config.ts";
import type { Fields } from "./fields.ts";

/** Constants of the reference, which some files spell out. */
const THRESHOLD_DECAY = 0.95;
const BALANCE_WEIGHT = 0.01;
const CAPACITY_WEIGHT = 0.01;

/**
 * The configuration of a golden file's dense DiT.
 *
 * @throws {ConfigError} for a switch that is not supported
 */
export function ditConfigOf(config: Fields): DitConfig {
  return { family: "dit", model: networkOf(config) };
}

/**
 * The configuration of a golden file's DiffMoE.
 *
 * @throws {ConfigError} for a switch that is not supported
 */
export function diffMoeConfigOf(config: Fields): DiffMoeConfig {
  const weight = config.section("model").number("CapacityPred_loss_weight", CAPACITY_WEIGHT);
  const moe = unscheduled(moeOf(config), constantOf(config, "threshold_ema_decay", THRESHOLD_DECAY));
  return { family: "diffmoe", model: { ...networkOf(config), CapacityPred_loss_weight: weight }, moe };
}

/**
 * The configuration of a golden file's token-choice DiT.
 *
 * @throws {ConfigError} for a switch that is not supported
 */
export function tcDitConfigOf(config: Fields): TcDitConfig {
  const alpha = constantOf(config, "aux_loss_alpha", BALANCE_WEIGHT);
  return { family: "tcdit", model: networkOf(config), moe: { ...moeOf(config), aux_loss_alpha: alpha } };
}

/**
 * The configuration of a golden file's expert-choice DiT.
 *
 * @throws {ConfigError} for a switch that is not supported
 */
export function ecDitConfigOf(config: Fields): EcDitConfig {
  return { family: "ecdit", model: networkOf(config), moe: moeOf(config) };
}

function networkOf(config: Fields): DitModelConfig {
  const fields = config.section("model");
  fields.ignore("CapacityPred_loss_weight");
  const model: DitModelConfig = {
    input_size: fields.number("input_size"),
    patch_size: fields.number("patch_size"),
    in_channels: fields.number("in_channels"),
    hidden_size: fields.number("hidden_size"),
    depth: fields.number("depth"),
    num_heads: fields.number("num_heads"),
    mlp_ratio: fields.number("mlp_ratio"),
    num_classes: fields.number("num_classes"),
    class_dropout_prob: fields.number("class_dropout_prob"),
    learn_sigma: fields.flag("learn_sigma", true),
    use_swiglu: fields.flag("use_swiglu", false),
  };
  fields.finish();
  return model;
}

function moeOf(config: Fields): DitMoeConfig {
  const fields = config.section("MoE_config");
  // How the experts are initialised.
  fields.ignore("init_MoeMLP");
  const moe: DitMoeConfig = {
    num_experts: fields.number("num_experts"),
    capacity: fields.number("capacity"),
    n_shared_experts: fields.number("n_shared_experts", 0),
    interleave: fields.flag("interleave"),
  };
  fields.finish();
  return moe;
}

/**
 * A number among the constants that a file spells out; those beside it must be what the family always has.
 *
 * @throws {ConfigError} for another router
 */
function constantOf(config: Fields, name: string, fallback: number): number {
  if (!config.has("constants")) return fallback;
  const constants = config.section("constants");
  constants.requireOff("norm_topk_prob");
  if (constants.has("scoring")) constants.choice("scoring", ["softmax"]);
  if (constants.has("num_experts_per_tok")) constants.choice("num_experts_per_tok", ["MoE_config.capacity"]);
  const value = constants.number(name, fallback);
  constants.finish();
  return value;
}

function unscheduled(moe: DitMoeConfig, decay: number): DiffMoeMoeConfig {
  return {
    ...moe,
    threshold_ema_decay: decay,
    capacity_schedule_stage_I_iters: 0,
    capacity_schedule_stage_II_iters: 0,
  };
}

/** A routed layer alone, in a network that gives its experts the width that the file says. */
export interface LayerConfig<M> {
  readonly model: DitModelConfig;
  readonly moe: M;
}

/** The configuration of a routed layer of DiffMoE that is tested alone. */
export function diffMoeLayerOf(args: Fields): DiffMoeConfig {
  const { model, moe } = layerOf(args, "capacity");
  const decay = args.number("ema_decay", THRESHOLD_DECAY);
  return {
    family: "diffmoe",
    model: { ...model, CapacityPred_loss_weight: 1 },
    moe: unscheduled(moe, decay),
  };
}

/** The configuration of a token-choice layer that is tested alone. */
export function tokenChoiceLayerOf(args: Fields): LayerConfig<TokenChoiceConfig> {
  const { model, moe } = layerOf(args, "num_experts_per_tok");
  return { model, moe: { ...moe, aux_loss_alpha: args.number("aux_loss_alpha", BALANCE_WEIGHT) } };
}

/** The configuration of an expert-choice layer that is tested alone. */
export function expertChoiceLayerOf(args: Fields): LayerConfig<DitMoeConfig> {
  return layerOf(args, "capacity");
}

function layerOf(args: Fields, capacity: string): LayerConfig<DitMoeConfig> {
  const hidden = args.number("hidden_size");
  const width = args.number("expert_hidden");
  if (!Number.isInteger(width) || width < 1) {
    throw new ConfigError(
      `Cannot use ${args.where}.expert_hidden ${width}: wanted a whole number of at least 1`,
    );
  }
  const model: DitModelConfig = {
    input_size: 1,
    patch_size: 1,
    in_channels: 1,
    hidden_size: hidden,
    depth: 1,
    num_heads: 1,
    // Half a channel more, so that rounding down gives the width whatever the quotient rounds to.
    mlp_ratio: (width + 0.5) / hidden,
    num_classes: 1,
    class_dropout_prob: 0,
    learn_sigma: false,
    use_swiglu: args.choice("expert", ["gelu_mlp", "swiglu"]) === "swiglu",
  };
  const moe: DitMoeConfig = {
    num_experts: args.number("num_experts"),
    capacity: args.number(capacity),
    n_shared_experts: args.number("n_shared_experts", 0),
    interleave: true,
  };
  return { model, moe };
}
