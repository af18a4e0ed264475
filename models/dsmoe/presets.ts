import type { DsmoeConfig } from "./config.ts";

interface Size {
  readonly depth: number;
  readonly hidden: number;
  readonly heads: number;
}

interface Experts {
  readonly count: number;
  readonly topk: number;
  readonly width: number;
  readonly groups: number;
  readonly scaling: number;
}

/** A preset of the paper: latents of 32x32x4, patch 2, MoE in odd blocks, one shared expert (RECIPE, presets). */
function paperPreset(size: Size, experts: Experts): DsmoeConfig {
  return {
    family: "dsmoe",
    model: {
      input_size: 32,
      patch_size: 2,
      in_channels: 4,
      hidden_size: size.hidden,
      depth: size.depth,
      num_heads: size.heads,
      head_dim: null,
      mlp_ratio: 4,
      num_classes: 1000,
      class_dropout_prob: 0.1,
      learn_sigma: true,
      rope_type: "2d",
      norm_type: "layernorm",
      use_sinks: false,
      sliding_window: 0,
      enable_gqa: false,
    },
    moe: {
      num_experts: experts.count,
      moe_intermediate_size: experts.width,
      n_group: experts.groups,
      topk_group: experts.groups,
      num_experts_per_tok: experts.topk,
      routed_scaling_factor: experts.scaling,
      norm_topk_prob: true,
      use_shared_expert: true,
      interleave: true,
      skip_first2: 0,
      balance_rate: 0,
      aux_loss_alpha: 0,
    },
  };
}

const e16 = (width: number): Experts => ({ count: 16, topk: 2, width, groups: 2, scaling: 2.0 });
const e48 = (width: number): Experts => ({ count: 48, topk: 5, width, groups: 1, scaling: 2.5 });

/** DSMoE-S with 16 experts: 97M parameters, 35M activated. */
export const DSMOE_S_E16: DsmoeConfig = paperPreset({ depth: 10, hidden: 384, heads: 6 }, e16(768));
/** DSMoE-S with 48 experts: 69M parameters, 31M activated. */
export const DSMOE_S_E48: DsmoeConfig = paperPreset({ depth: 12, hidden: 384, heads: 6 }, e48(128));
/** DSMoE-B with 16 experts: 386M parameters, 139M activated. */
export const DSMOE_B_E16: DsmoeConfig = paperPreset({ depth: 10, hidden: 768, heads: 12 }, e16(1536));
/** DSMoE-B with 48 experts: 276M parameters, 123M activated. */
export const DSMOE_B_E48: DsmoeConfig = paperPreset({ depth: 12, hidden: 768, heads: 12 }, e48(256));
/** DSMoE-L with 16 experts: 1,368M parameters, 487M activated. */
export const DSMOE_L_E16: DsmoeConfig = paperPreset({ depth: 20, hidden: 1024, heads: 16 }, e16(2048));
/** DSMoE-L with 48 experts: 1,167M parameters, 457M activated. */
export const DSMOE_L_E48: DsmoeConfig = paperPreset({ depth: 24, hidden: 1024, heads: 16 }, e48(448));
/** DSMoE-3B with 16 experts: 3,102M parameters, 1,011M activated. */
export const DSMOE_3B_E16: DsmoeConfig = paperPreset({ depth: 30, hidden: 1152, heads: 16 }, e16(2880));

/** A DSMoE for 32x32 colour images on a laptop, with the paper's balance rule switched on. */
export const DSMOE_NANO: DsmoeConfig = {
  family: "dsmoe",
  model: {
    ...DSMOE_S_E16.model,
    patch_size: 4,
    in_channels: 3,
    hidden_size: 128,
    depth: 4,
    num_heads: 4,
    num_classes: 9,
  },
  moe: {
    ...DSMOE_S_E16.moe,
    num_experts: 8,
    moe_intermediate_size: 128,
    balance_rate: 0.001,
  },
};
