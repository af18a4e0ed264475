import { DIT_NANO_MODEL, type DitSize, ditSize } from "../dit/presets.ts";
import type { DiffMoeConfig, DiffMoeMoeConfig } from "./config.ts";

const moeOf = (experts: number): DiffMoeMoeConfig => ({
  num_experts: experts,
  capacity: 1,
  n_shared_experts: 0,
  interleave: true,
  threshold_ema_decay: 0.95,
  capacity_schedule_stage_I_iters: 0,
  capacity_schedule_stage_II_iters: 0,
});

/** A published preset: latents of 32x32x4, patch 2, MoE in odd blocks, capacity 1, no shared expert. */
function published(size: DitSize, experts: number): DiffMoeConfig {
  return {
    family: "diffmoe",
    model: { ...ditSize(size), CapacityPred_loss_weight: 1 },
    moe: moeOf(experts),
  };
}

/** DiffMoE-S with 16 experts: 140M parameters, 34M activated on average. */
export const DIFFMOE_S_E16: DiffMoeConfig = published("S", 16);
/** DiffMoE-B with 16 experts: 559M parameters, 134M activated on average. */
export const DIFFMOE_B_E16: DiffMoeConfig = published("B", 16);
/** DiffMoE-L under its published name; its file has 8 experts, so it is DiffMoE-L-E8 (see README.md). */
export const DIFFMOE_L_E16: DiffMoeConfig = published("L", 8);
/** DiffMoE-L with 8 experts: 1,176M parameters, 471M activated on average. */
export const DIFFMOE_L_E8: DiffMoeConfig = published("L", 8);
/** A DiffMoE for 32x32 colour images on a laptop. */
export const DIFFMOE_NANO: DiffMoeConfig = {
  family: "diffmoe",
  model: { ...DIT_NANO_MODEL, CapacityPred_loss_weight: 1 },
  moe: moeOf(8),
};
