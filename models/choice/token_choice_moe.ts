import type { Initializer } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { scale } from "../../kernels/elementwise/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import { combine, gather } from "../../kernels/moe/gather_scatter/mod.ts";
import { dispatch } from "../../kernels/moe/histogram_scan/mod.ts";
import { topK } from "../../kernels/moe/top_k/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { softmax } from "../../kernels/softmax/mod.ts";
import type { DitLayer, LayerResult } from "../dit/block.ts";
import { feedForwardWidth } from "../dit/config.ts";
import { type FeedForward, GatedMlp } from "../layers/mlp.ts";
import { balanceLoss } from "../moe/balance_loss.ts";
import { gatedExperts, geluExperts } from "../moe/dit_experts.ts";
import type { StackedExperts } from "../moe/experts.ts";
import type { TcDitConfig } from "./config.ts";

/**
 * Every token takes the `capacity` experts with the largest softmax scores; the scores are the weights as they are, not
 * divided by their sum. An auxiliary loss keeps the experts equally busy (reference behaviour 33).
 *
 * Source: Shazeer et al., arXiv 1701.06538; the loss is Switch Transformer's, arXiv 2101.03961, section 2.2.
 */
export class TokenChoiceMoe implements DitLayer {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #experts: StackedExperts;
  readonly #gate: Parameter;
  readonly #shared: FeedForward | undefined;

  /** Declares experts, router and shared expert. */
  constructor(scope: ParamScope, private readonly config: Pick<TcDitConfig, "model" | "moe">) {
    const { model, moe } = config;
    const { hidden_size: hidden } = model;
    const { num_experts: experts, n_shared_experts: shared } = moe;
    this.path = scope.path;
    const stack = model.use_swiglu ? gatedExperts : geluExperts;
    this.#experts = stack(scope, { experts, hidden, width: feedForwardWidth(model) });
    this.#gate = scope.parameter("gate.weight", [experts, hidden], { init: fanInUniform() });
    if (shared > 0) this.#shared = new GatedMlp(scope.sub("shared_experts"), hidden, hidden * shared);
  }

  /**
   * Routes every token to its experts and adds up what they give.
   *
   * @param x `f32[B, T, D]`
   */
  forward(x: Tensor): LayerResult {
    return x.device.at(this.path, () => {
      const { model: { hidden_size: hidden }, moe } = this.config;
      const tokens = reshape(x, [x.size / hidden, hidden]); // f32[S, D]
      const scores = softmax(linear(tokens, this.#gate.tensor)); // f32[S, E]
      const { indices, values: weights } = topK(scores, moe.capacity); // i32[S, K], f32[S, K]
      const plan = dispatch(indices, moe.num_experts, x.device.backend.groupedTileRows);
      const rows = this.#experts.forward(gather(tokens, plan), plan); // f32[R, D], sorted by expert
      const shared = this.#shared?.forward(tokens); // f32[S, D]
      const out = reshape(combine(rows, weights, plan, shared), x.shape); // f32[B, T, D]
      const auxiliary = this.#auxiliary(scores, plan.counts);
      return { out, routing: { path: this.path, indices, weights, counts: plan.counts, auxiliary } };
    });
  }

  #auxiliary(scores: Tensor, counts: Tensor): (() => Tensor) | undefined {
    const { aux_loss_alpha: alpha, capacity } = this.config.moe;
    if (alpha === 0) return undefined;
    return () => scores.device.at(this.path, () => scale(balanceLoss(scores, counts, capacity), alpha));
  }
}

/** Uniform within `1 / sqrt(fan in)`: the router's first values, from DiffMoE's public code. */
function fanInUniform(): Initializer {
  return {
    name: "fanInUniform()",
    fill: ([outputs, inputs], random) => {
      return random.uniforms(outputs * inputs).map((u) => (2 * u - 1) / Math.sqrt(inputs));
    },
  };
}
