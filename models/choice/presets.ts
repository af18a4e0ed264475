import type { DitMoeConfig } from "../dit/config.ts";
import { DIT_NANO_MODEL, ditSize } from "../dit/presets.ts";
import type { EcDitConfig, TcDitConfig, TokenChoiceConfig } from "./config.ts";

/** Where and what the experts are: as in the published DiffMoE configurations, which these models are baselines of. */
const EXPERTS: DitMoeConfig = { num_experts: 16, capacity: 1, n_shared_experts: 0, interleave: true };
const TOKEN_CHOICE: TokenChoiceConfig = { ...EXPERTS, aux_loss_alpha: 0.01 };

/** Token-choice DiT-S with 16 experts, one a token. */
export const TCDIT_S_E16: TcDitConfig = { family: "tcdit", model: ditSize("S"), moe: TOKEN_CHOICE };
/** Token-choice DiT-B with 16 experts, one a token. */
export const TCDIT_B_E16: TcDitConfig = { family: "tcdit", model: ditSize("B"), moe: TOKEN_CHOICE };
/** Token-choice DiT-L with 16 experts, one a token. */
export const TCDIT_L_E16: TcDitConfig = { family: "tcdit", model: ditSize("L"), moe: TOKEN_CHOICE };
/** Expert-choice DiT-S with 16 experts, one a token on average. */
export const ECDIT_S_E16: EcDitConfig = { family: "ecdit", model: ditSize("S"), moe: EXPERTS };
/** Expert-choice DiT-B with 16 experts, one a token on average. */
export const ECDIT_B_E16: EcDitConfig = { family: "ecdit", model: ditSize("B"), moe: EXPERTS };
/** Expert-choice DiT-L with 16 experts, one a token on average. */
export const ECDIT_L_E16: EcDitConfig = { family: "ecdit", model: ditSize("L"), moe: EXPERTS };
/** A token-choice DiT for 32x32 colour images on a laptop. */
export const TCDIT_NANO: TcDitConfig = {
  family: "tcdit",
  model: DIT_NANO_MODEL,
  moe: { ...TOKEN_CHOICE, num_experts: 8 },
};
/** An expert-choice DiT for 32x32 colour images on a laptop. */
export const ECDIT_NANO: EcDitConfig = {
  family: "ecdit",
  model: DIT_NANO_MODEL,
  moe: { ...EXPERTS, num_experts: 8 },
};
