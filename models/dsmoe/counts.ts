import type { ForwardFlops } from "../counts.ts";
import { type DsmoeConfig, isMoeBlock, outputChannels } from "./config.ts";

const TIME_FEATURES = 256;

/**
 * Operations of one image's forward pass, by formula. With sinks, where tokens attend across the batch, attention is
 * counted for a batch of one.
 */
export function forwardFlops({ model, moe }: DsmoeConfig): ForwardFlops {
  const { hidden_size: D, depth, num_heads: heads, patch_size: patch } = model;
  const T = (model.input_size / patch) ** 2;
  const blocks = Array.from({ length: depth }, (_, i) => isMoeBlock(moe, i));
  const moeBlocks = blocks.filter((isMoe) => isMoe).length;
  const headDim = model.head_dim ?? D / heads;
  const kvHeads = model.enable_gqa ? heads / 2 : heads;
  const gated = 3 * D * moe.moe_intermediate_size;
  const perToken = model.in_channels * patch ** 2 * D + // patch embedding
    depth * D * headDim * (2 * heads + 2 * kvHeads) + // q, k, v and the output projection
    (depth - moeBlocks) * 2 * D * Math.trunc(D * model.mlp_ratio) +
    moeBlocks * (D * moe.num_experts + (moe.use_shared_expert ? gated : 0)) +
    D * outputChannels(model) * patch ** 2;
  const perImage = TIME_FEATURES * D + D * D + (6 * depth + 2) * D * D; // time embedding, adaLN
  const linear = 2 * (T * perToken + perImage);
  const experts = 2 * T * moeBlocks * moe.num_experts_per_tok * gated;
  const attention = 4 * depth * heads * headDim * T * (model.use_sinks ? 1 : T);
  return { linear, experts, attention, total: linear + experts + attention };
}
