import type { EcDitConfig, TcDitConfig } from "../choice/config.ts";
import type { ForwardFlops } from "../counts.ts";
import type { DiffMoeConfig } from "../diffmoe/config.ts";
import {
  type DitConfig,
  type DitMoeConfig,
  ditOutputChannels,
  feedForwardWidth,
  isRoutedBlock,
  tokensOfExpert,
} from "./config.ts";

const TIME_FEATURES = 256;

type Config = DitConfig | DiffMoeConfig | TcDitConfig | EcDitConfig;

/**
 * Operations of one image's forward pass, by formula. The experts of DiffMoE are counted at their capacity, which they
 * have while training; when sampling they take more or fewer tokens.
 */
export function forwardFlops(config: Config): ForwardFlops {
  const { model } = config;
  const { hidden_size: D, depth, patch_size: patch } = model;
  const T = (model.input_size / patch) ** 2;
  const moe = "moe" in config ? config.moe : undefined;
  const routed = Array.from({ length: depth }, (_, i) => moe !== undefined && isRoutedBlock(moe, i))
    .filter((isRouted) => isRouted).length;
  const width = feedForwardWidth(model);
  const dense = (model.use_swiglu ? 3 : 2) * D * width;
  const perToken = model.in_channels * patch ** 2 * D + // patch embedding
    depth * 4 * D * D + // q, k, v and the output projection
    (depth - routed) * dense +
    routed * besideExperts(config) +
    D * ditOutputChannels(model) * patch ** 2;
  const perImage = TIME_FEATURES * D + D * D + (6 * depth + 2) * D * D; // time embedding, adaLN
  const linear = 2 * (T * perToken + perImage);
  // An expert's biases are a product of inner size 1.
  const expert = dense + (model.use_swiglu ? 0 : width + D);
  const experts = moe ? 2 * routed * chosenTokens(config.family, T, moe) * expert : 0;
  const attention = 4 * depth * D * T * T;
  return { linear, experts, attention, total: linear + experts + attention };
}

/** Multiply-adds of a token in a routed layer outside the routed experts: router, predictor, shared expert. */
function besideExperts(config: Config): number {
  if (config.family === "dit") return 0;
  const { model: { hidden_size: D }, moe: { num_experts: experts, n_shared_experts: shared } } = config;
  if (config.family === "diffmoe") return 2 * D * experts + D * D + (shared > 0 ? 16 * D * D : 0);
  return D * experts + 3 * D * D * shared;
}

/** Pairs of a token and an expert of one image in one layer. */
function chosenTokens(family: Config["family"], tokens: number, moe: DitMoeConfig): number {
  return family === "ecdit" ? moe.num_experts * tokensOfExpert(tokens, moe) : tokens * moe.capacity;
}
