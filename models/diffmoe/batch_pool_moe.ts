import { ConfigError } from "../../engine/core/errors.ts";
import { type Initializer, normal, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { detach } from "../../kernels/detach/mod.ts";
import { full, scale, sigmoid, silu } from "../../kernels/elementwise/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import {
  choiceCrossEntropy,
  countAbove,
  expertChoice,
  kthLargest,
  scheduledLimit,
} from "../../kernels/moe/expert_choice/mod.ts";
import { combine, gather } from "../../kernels/moe/gather_scatter/mod.ts";
import type { DispatchPlan } from "../../kernels/moe/histogram_scan/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { softmax } from "../../kernels/softmax/mod.ts";
import { slice } from "../../kernels/split/mod.ts";
import type { DitLayer, LayerResult } from "../dit/block.ts";
import { feedForwardWidth, tokensOfExpert } from "../dit/config.ts";
import { GeluMlp } from "../layers/gelu_mlp.ts";
import { Linear } from "../layers/linear.ts";
import type { FeedForward } from "../layers/mlp.ts";
import type { TrainingContext } from "../model.ts";
import { gatedExperts, geluExperts } from "../moe/dit_experts.ts";
import type { StackedExperts } from "../moe/experts.ts";
import type { Routing } from "../moe/sparse_moe.ts";
import type { DiffMoeConfig } from "./config.ts";

/** Standard deviation of the router's first values, from DiffMoE's public code. */
const GATE_STD = 0.006;
/** Place of the step number in the generator's state. */
const STEP = 2;

/** How a batch was spread over the experts, and what the capacity predictor made of it. */
interface Choice {
  readonly plan: DispatchPlan;
  /** The predictor's logits, `f32[S, E]`. */
  readonly predicted: Tensor;
  /** Tokens of each expert, `f32[E]`. */
  readonly limits: Tensor;
}

/**
 * The routed layer of DiffMoE (arXiv 2503.14487; reference behaviours 35-37). While training, the whole batch is one
 * pool of S tokens from which every expert takes its best C. A small network learns to foresee, from one token alone,
 * whether an expert will take it; when sampling, its verdict against a threshold says how many tokens an expert takes.
 */
export class BatchPoolMoe implements DitLayer {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #gate: Parameter;
  readonly #threshold: Parameter;
  readonly #experts: StackedExperts;
  readonly #predictor: readonly [Linear, Linear];
  readonly #shared: FeedForward | undefined;

  /** Declares router, thresholds, experts, capacity predictor and shared expert. */
  constructor(scope: ParamScope, private readonly config: DiffMoeConfig) {
    const { model, moe } = config;
    const { hidden_size: hidden } = model;
    const { num_experts: experts, threshold_ema_decay: decay } = moe;
    this.path = scope.path;
    this.#gate = scope.parameter("gate_weight", [experts, hidden], { init: normal(GATE_STD) });
    this.#threshold = scope.parameter("expert_threshold", [experts], { init: zeros(), kind: "buffer" });
    scope.parameter("ema_decay", [1], { init: constant(decay), kind: "buffer" });
    const stack = model.use_swiglu ? gatedExperts : geluExperts;
    this.#experts = stack(scope, { experts, hidden, width: feedForwardWidth(model) });
    this.#predictor = [
      new Linear(scope.sub("capacity_predictor.0"), hidden, hidden),
      new Linear(scope.sub("capacity_predictor.2"), hidden, experts),
    ];
    // Its width depends neither on mlp_ratio nor on how many shared experts are asked for (behaviour 37).
    if (moe.n_shared_experts > 0) this.#shared = new GeluMlp(scope.sub("shared_experts"), hidden, 8 * hidden);
  }

  /**
   * Lets the experts take tokens and adds up what they make of them.
   *
   * @param x `f32[B, T, D]`
   * @param training absent when sampling
   */
  forward(x: Tensor, training?: TrainingContext): LayerResult {
    return x.device.at(this.path, () => {
      const { hidden_size: hidden } = this.config.model;
      const tokens = reshape(x, [x.size / hidden, hidden]); // f32[S, D]
      const scores = softmax(linear(tokens, this.#gate.tensor)); // f32[S, E]
      const choice = training ? this.#chooseTraining(tokens, scores, training) : this.#choose(tokens, scores);
      const { plan } = choice;
      const rows = this.#experts.forward(gather(tokens, plan), plan); // f32[R, D], sorted by expert
      const shared = this.#shared?.forward(tokens); // f32[S, D]
      const out = reshape(combine(rows, scores, plan, shared), x.shape); // f32[B, T, D]
      const routing = { path: this.path, counts: plan.counts, choice: plan };
      return { out, routing: training ? { ...routing, ...this.#lessons(choice) } : routing };
    });
  }

  /** Every expert takes the C tokens of the batch that score best. */
  #chooseTraining(tokens: Tensor, scores: Tensor, training: TrainingContext): Choice {
    const { device } = scores;
    const [S, E] = scores.shape;
    const { moe } = this.config;
    const least = tokensOfExpert(S, moe);
    if (least < 1) {
      throw new ConfigError(
        `Cannot train with moe.capacity ${moe.capacity}: of ${S} tokens none is left for each of ${E} experts`,
      );
    }
    const { capacity_schedule_stage_I_iters: begin, capacity_schedule_stage_II_iters: end } = moe;
    const scheduled = end > 0;
    const most = scheduled ? S : least;
    const limits = scheduled
      ? scheduledLimit(slice(training.random, 0, STEP, 1), { most, least, begin, end }, E)
      : full(device, [E], least);
    const plan = expertChoice(scores, limits, { groups: 1, most, tile: device.backend.groupedTileRows });
    return { plan, limits, predicted: this.#predict(tokens) };
  }

  /** Every expert takes as many tokens as the predictor sees over the threshold, and those that score best. */
  #choose(tokens: Tensor, scores: Tensor): Choice {
    const predicted = this.#predict(tokens); // f32[S, E]
    const limits = countAbove(sigmoid(predicted), this.#threshold.tensor); // f32[E]
    const attrs = { groups: 1, most: scores.shape[0], tile: scores.device.backend.groupedTileRows };
    return { plan: expertChoice(scores, limits, attrs), limits, predicted };
  }

  /** The predictor sees the tokens but does not change them: its loss must not reach the network. */
  #predict(tokens: Tensor): Tensor {
    const [first, second] = this.#predictor;
    return second.forward(silu(first.forward(detach(tokens))), "f32"); // f32[S, E]
  }

  /** What a training step teaches: the predictor's loss, and where the thresholds are to move. */
  #lessons({ plan, predicted, limits }: Choice): Pick<Routing, "auxiliary" | "moving" | "predicted"> {
    const weight = this.config.model.CapacityPred_loss_weight;
    // The sigmoid keeps the order, so the quantile of the probabilities is that of the logits.
    const quantiles = sigmoid(kthLargest(predicted, limits)); // f32[E]
    return {
      predicted,
      auxiliary: () => scale(choiceCrossEntropy(predicted, plan), weight),
      moving: {
        buffer: this.#threshold.tensor,
        values: [quantiles],
        decay: this.config.moe.threshold_ema_decay,
      },
    };
  }
}

function constant(value: number): Initializer {
  return {
    name: `constant(${value})`,
    fill: (shape) => new Float32Array(shape.reduce((size, extent) => size * extent, 1)).fill(value),
  };
}
