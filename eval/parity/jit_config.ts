import { ConfigError } from "../../engine/core/errors.ts";
import type { XPredictionConfig } from "../../models/diffusion/x_prediction.ts";
import type {
  JitConfig,
  JitModelConfig,
  JitMoeConfig,
  JitMoeExpertsConfig,
} from "../../models/jit/config.ts";
import { normalizes, readExperts } from "./dsmoe_config.ts";
import type { Fields } from "./fields.ts";

/** How times are drawn: a setting of the trainer, on which nothing in a golden file depends. */
const TIMES = { P_mean: -0.8, P_std: 0.8 };

/**
 * The configuration of a golden file's whole model, dense or with experts.
 *
 * @throws {ConfigError} for a switch that is not supported
 */
export function jitConfigOf(config: Fields): JitConfig | JitMoeConfig {
  const model = modelOf(config.section("model"));
  const objective = config.has("denoiser") ? objectiveOf(config.section("denoiser")) : DEFAULT_OBJECTIVE;
  if (!config.has("MoE_config")) return { family: "jit", model, objective };
  const moe = jitMoeOf(config.section("MoE_config"), model.hidden_size, normalizes(config));
  return moe ? { family: "jitmoe", model, moe, objective } : { family: "jit", model, objective };
}

const DEFAULT_OBJECTIVE: XPredictionConfig = { ...TIMES, t_eps: 0.05, noise_scale: 1 };

function objectiveOf(fields: Fields): XPredictionConfig {
  // The averages belong to the optimizer, which trajectories read for themselves.
  fields.ignore("ema_decay1", "ema_decay2");
  const objective = {
    P_mean: fields.number("P_mean", TIMES.P_mean),
    P_std: fields.number("P_std", TIMES.P_std),
    t_eps: fields.number("t_eps"),
    noise_scale: fields.number("noise_scale"),
  };
  fields.finish();
  return objective;
}

function modelOf(fields: Fields): JitModelConfig {
  // Dropout of the attention weights, which no published configuration uses.
  fields.requireOff("attn_drop");
  const model: JitModelConfig = {
    input_size: fields.number("input_size"),
    patch_size: fields.number("patch_size"),
    in_channels: fields.number("in_channels"),
    hidden_size: fields.number("hidden_size"),
    depth: fields.number("depth"),
    num_heads: fields.number("num_heads"),
    mlp_ratio: fields.number("mlp_ratio"),
    num_classes: fields.number("num_classes"),
    class_dropout_prob: fields.number("class_dropout_prob", 0.1),
    bottleneck_dim: fields.number("bottleneck_dim"),
    in_context_len: fields.number("in_context_len"),
    in_context_start: fields.number("in_context_start"),
    proj_drop: fields.number("proj_drop", 0),
  };
  fields.finish();
  return model;
}

/**
 * The configuration of a golden file's experts; null where `interleave` is off, which makes every block of this family
 * dense (behaviour 28).
 *
 * @throws {ConfigError} for a switch that is not supported
 */
export function jitMoeOf(fields: Fields, hidden: number, normalize: boolean): JitMoeExpertsConfig | null {
  fields.requireOff("skip_last2", "skip_first2");
  const interleave = fields.flag("interleave");
  const moe: JitMoeExpertsConfig = {
    ...readExperts(fields, hidden, normalize),
    interleave: true,
    skip_first2: 0,
    balance_rate: 0,
    proj_drop: fields.number("proj_drop", 0),
  };
  fields.finish();
  return interleave ? moe : null;
}

/**
 * Places of a layer's tokens.
 *
 * @throws {ConfigError} when the number of tokens does not fit
 */
export function layoutOf(fields: Fields, tokens: number): { leading: number; grid: number } {
  const [leading, grid] = [fields.number("num_cls_token"), fields.number("pt_seq_len")];
  if (leading + grid ** 2 === tokens) return { leading, grid };
  throw new ConfigError(
    `Cannot use ${fields.where}.pt_seq_len ${grid} and num_cls_token ${leading} with ${tokens} tokens`,
  );
}
