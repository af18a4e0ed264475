import type { ForwardFlops } from "../counts.ts";
import { isMoeBlock } from "../dsmoe/config.ts";
import { gatedWidth } from "../layers/mlp.ts";
import type { JitConfig, JitMoeConfig } from "./config.ts";

const TIME_FEATURES = 256;

/** Operations of one image's forward pass, by formula; the class tokens are counted in the blocks that see them. */
export function forwardFlops(config: JitConfig | JitMoeConfig): ForwardFlops {
  const { model } = config;
  const { hidden_size: D, depth, bottleneck_dim: bottleneck, patch_size: patch } = model;
  const moe = config.family === "jitmoe" ? config.moe : undefined;
  const gated = 3 * D * (moe?.moe_intermediate_size ?? 0);
  const dense = 3 * D * gatedWidth(D * model.mlp_ratio);
  const N = (model.input_size / patch) ** 2;
  let [linear, experts, attention] = [0, 0, 0];
  for (let i = 0; i < depth; i++) {
    const T = i >= model.in_context_start ? N + model.in_context_len : N;
    const routed = moe && isMoeBlock(moe, i) ? moe : undefined;
    const router = routed ? D * routed.num_experts + (routed.use_shared_expert ? gated : 0) : 0;
    linear += 2 * T * (4 * D * D + (routed ? router : dense)) + 2 * 6 * D * D; // q, k, v, projection; adaLN
    experts += routed
      ? 2 * T * routed.num_experts_per_tok * (gated + 2 * routed.moe_intermediate_size + D)
      : 0;
    attention += 4 * D * T * T;
  }
  const pixels = model.in_channels * patch ** 2;
  linear += 2 * N * (pixels * bottleneck + bottleneck * D + D * pixels); // patch embedding, output
  linear += 2 * (TIME_FEATURES * D + D * D + 2 * D * D); // time embedding, adaLN of the output
  return { linear, experts, attention, total: linear + experts + attention };
}
