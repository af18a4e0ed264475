import { normal } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { full } from "../../kernels/elementwise/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import { expertChoice } from "../../kernels/moe/expert_choice/mod.ts";
import { combine, gather } from "../../kernels/moe/gather_scatter/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { softmax } from "../../kernels/softmax/mod.ts";
import type { DitLayer, LayerResult } from "../dit/block.ts";
import { feedForwardWidth, tokensOfExpert } from "../dit/config.ts";
import { type FeedForward, GatedMlp } from "../layers/mlp.ts";
import { gatedExperts, geluExperts } from "../moe/dit_experts.ts";
import type { StackedExperts } from "../moe/experts.ts";
import type { EcDitConfig } from "./config.ts";

/** Standard deviation of the router's first values, from DiffMoE's public code. */
const GATE_STD = 0.006;

/**
 * Every expert takes, from each image, the tokens with the largest scores; the scores are a softmax over the experts
 * and weigh what the expert makes of the token (reference behaviour 34). All experts are equally busy by construction,
 * and a token has `capacity` experts on average.
 *
 * Source: Zhou et al., arXiv 2202.09368; in diffusion transformers EC-DiT, arXiv 2410.02098.
 */
export class ExpertChoiceMoe implements DitLayer {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #gate: Parameter;
  readonly #experts: StackedExperts;
  readonly #shared: FeedForward | undefined;

  /** Declares router, experts and shared expert. */
  constructor(scope: ParamScope, private readonly config: Pick<EcDitConfig, "model" | "moe">) {
    const { model, moe } = config;
    const { hidden_size: hidden } = model;
    const { num_experts: experts, n_shared_experts: shared } = moe;
    this.path = scope.path;
    this.#gate = scope.parameter("gate_weight", [experts, hidden], { init: normal(GATE_STD) });
    const stack = model.use_swiglu ? gatedExperts : geluExperts;
    this.#experts = stack(scope, { experts, hidden, width: feedForwardWidth(model) });
    if (shared > 0) this.#shared = new GatedMlp(scope.sub("shared_experts"), hidden, hidden * shared);
  }

  /**
   * Lets the experts take tokens and adds up what they make of them.
   *
   * @param x `f32[B, T, D]`
   */
  forward(x: Tensor): LayerResult {
    return x.device.at(this.path, () => {
      const { device } = x;
      const [batch, length, hidden] = x.shape;
      const { num_experts: experts } = this.config.moe;
      const tokens = reshape(x, [batch * length, hidden]); // f32[S, D]
      const scores = softmax(linear(tokens, this.#gate.tensor)); // f32[S, E]
      const most = tokensOfExpert(length, this.config.moe);
      const tile = device.backend.groupedTileRows;
      const plan = expertChoice(scores, full(device, [experts], most), { groups: batch, most, tile });
      const rows = this.#experts.forward(gather(tokens, plan), plan); // f32[R, D], sorted by expert
      const shared = this.#shared?.forward(tokens); // f32[S, D]
      const out = reshape(combine(rows, scores, plan, shared), x.shape); // f32[B, T, D]
      return { out, routing: { path: this.path, counts: plan.counts, choice: plan } };
    });
  }
}
