import type { XPredictionConfig } from "../diffusion/x_prediction.ts";
import type { JitConfig, JitModelConfig, JitMoeConfig, JitMoeExpertsConfig } from "./config.ts";

/** Times and noise of the published models (behaviours 30 and 43). */
const OBJECTIVE: XPredictionConfig = { P_mean: -0.8, P_std: 0.8, t_eps: 0.05, noise_scale: 1 };

type Size = Pick<
  JitModelConfig,
  "hidden_size" | "num_heads" | "bottleneck_dim" | "in_context_start" | "proj_drop"
>;

const B: Size = { hidden_size: 768, num_heads: 12, bottleneck_dim: 128, in_context_start: 4, proj_drop: 0 };
const L: Size = { hidden_size: 1024, num_heads: 16, bottleneck_dim: 128, in_context_start: 8, proj_drop: 0 };
const H: Size = {
  hidden_size: 1280,
  num_heads: 16,
  bottleneck_dim: 256,
  in_context_start: 10,
  proj_drop: 0.2,
};

/** Images of 256x256x3, 32 class tokens, 1000 classes (RECIPE, presets). */
function paperModel(size: Size, depth: number, patch: number): JitModelConfig {
  return {
    input_size: 256,
    patch_size: patch,
    in_channels: 3,
    depth,
    mlp_ratio: 4,
    num_classes: 1000,
    class_dropout_prob: 0.1,
    in_context_len: 32,
    ...size,
  };
}

function dense(size: Size, depth: number, patch: number): JitConfig {
  return { family: "jit", model: paperModel(size, depth, patch), objective: OBJECTIVE };
}

function paperExperts(width: number, drop: number): JitMoeExpertsConfig {
  return {
    num_experts: 16,
    moe_intermediate_size: width,
    n_group: 2,
    topk_group: 2,
    num_experts_per_tok: 2,
    routed_scaling_factor: 2.5,
    norm_topk_prob: true,
    use_shared_expert: true,
    interleave: true,
    skip_first2: 0,
    balance_rate: 0,
    aux_loss_alpha: 0,
    proj_drop: drop,
  };
}

function routed(size: Size, depth: number, width: number): JitMoeConfig {
  return {
    family: "jitmoe",
    model: paperModel(size, depth, 16),
    moe: paperExperts(width, size.proj_drop),
    objective: OBJECTIVE,
  };
}

/** JiT-B/16: 131M parameters. */
export const JIT_B_16: JitConfig = dense(B, 12, 16);
/** JiT-L/16: 459M parameters. */
export const JIT_L_16: JitConfig = dense(L, 24, 16);
/** JiT-H/16: 953M parameters. */
export const JIT_H_16: JitConfig = dense(H, 32, 16);
/** JiT-B/32: JiT-B with a quarter of the tokens at the same resolution. */
export const JIT_B_32: JitConfig = dense(B, 12, 32);
/** JiT-L/32: JiT-L with a quarter of the tokens at the same resolution. */
export const JIT_L_32: JitConfig = dense(L, 24, 32);
/** JiT-H/32: JiT-H with a quarter of the tokens at the same resolution. */
export const JIT_H_32: JitConfig = dense(H, 32, 32);
/** JiTMoE-B/16 with 16 experts: 388M parameters, 140M activated. */
export const JITMOE_B_16_E16: JitMoeConfig = routed(B, 10, 1536);
/** JiTMoE-L/16 with 16 experts: 1,370M parameters, 489M activated. */
export const JITMOE_L_16_E16: JitMoeConfig = routed(L, 20, 2048);
/** JiTMoE-H/16 with 16 experts: 2,524M parameters, 982M activated. */
export const JITMOE_H_16_E16: JitMoeConfig = routed(H, 28, 2048);

/** A JiT for 32x32 colour images on a laptop. */
export const JIT_NANO: JitConfig = {
  family: "jit",
  model: {
    ...JIT_B_16.model,
    input_size: 32,
    patch_size: 4,
    hidden_size: 128,
    depth: 4,
    num_heads: 4,
    num_classes: 9,
    bottleneck_dim: 32,
    in_context_len: 4,
    in_context_start: 1,
  },
  objective: OBJECTIVE,
};

/** A JiTMoE for 32x32 colour images on a laptop, with the paper's balance rule switched on. */
export const JITMOE_NANO: JitMoeConfig = {
  family: "jitmoe",
  model: JIT_NANO.model,
  moe: {
    ...JITMOE_B_16_E16.moe,
    num_experts: 8,
    moe_intermediate_size: 128,
    balance_rate: 0.001,
  },
  objective: OBJECTIVE,
};
