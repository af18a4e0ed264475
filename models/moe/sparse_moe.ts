import { kaimingNormal, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { scale } from "../../kernels/elementwise/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import { combine, gather } from "../../kernels/moe/gather_scatter/mod.ts";
import { dispatch, type DispatchPlan } from "../../kernels/moe/histogram_scan/mod.ts";
import { route } from "../../kernels/moe/router/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { type Dropout, NO_DROPOUT } from "../layers/dropout.ts";
import type { FeedForward } from "../layers/mlp.ts";
import { balanceLoss, sigmoidShares } from "./balance_loss.ts";
import { type ExpertKind, GATED_EXPERTS, type StackedExperts } from "./experts.ts";
import type { MovingBuffer } from "./moving_buffer.ts";

/** Hyper-parameters of a DeepSeek-style expert layer, named as in the reference. */
export interface MoeConfig {
  /** E, number of routed experts. */
  readonly num_experts: number;
  /** Hidden width of one expert, and of the shared expert. */
  readonly moe_intermediate_size: number;
  /** Groups that the experts are divided into, and how many of them a token may use. */
  readonly n_group: number;
  /** Groups that a token may use. */
  readonly topk_group: number;
  /** Routed experts of a token. */
  readonly num_experts_per_tok: number;
  /** Factor on the routing weights. */
  readonly routed_scaling_factor: number;
  /** Whether the weights of a token are divided by their sum. */
  readonly norm_topk_prob: boolean;
  /** Whether one more expert sees every token. */
  readonly use_shared_expert: boolean;
  /** Weight of the auxiliary balance loss in training; 0, or absent, for none. See `balanceLoss`. */
  readonly aux_loss_alpha?: number;
}

/** How one layer routed its tokens: what balancing, telemetry and the optimizer look at. */
export interface Routing {
  /** Path of the layer, as in `blocks.1.mlp`. */
  readonly path: string;
  /** Tokens of each expert, `i32[E]`. */
  readonly counts: Tensor;
  /** Experts of each token where every token has K of them, `i32[T, K]`, ascending. */
  readonly indices?: Tensor;
  /** Their weights, `f32[T, K]`. */
  readonly weights?: Tensor;
  /** The selection bias that aux-loss-free balancing moves, `f32[E]`. */
  readonly bias?: Tensor;
  /** Makes the layer's own weighted loss, `f32[]`, where it has one: balance, capacity. See `auxiliaryOf`. */
  readonly auxiliary?: () => Tensor;
  /** Which tokens each expert took, where the experts choose. */
  readonly choice?: DispatchPlan;
  /** What a capacity predictor made of each token and expert, `f32[T, E]` logits. */
  readonly predicted?: Tensor;
  /** A buffer that follows something that this step saw; see `moveBuffers`. */
  readonly moving?: MovingBuffer;
}

/** What a routed layer gives: its output and its routing. */
export interface Routed {
  /** `f32[B, T, D]`. */
  readonly out: Tensor;
  /** What the router chose. */
  readonly routing: Routing;
}

/**
 * Sigmoid top-k mixture of SwiGLU experts with one shared expert:
 * `h = FFN_s(u) + sum over selected i of g_i FFN_i(u)` (DeepSeek-V3; paper section 3, reference behaviours 19-27).
 * Dropless, with static shapes; see `kernels/moe/README.md`.
 */
export class SparseMoe {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #experts: StackedExperts;
  readonly #router: Parameter;
  readonly #bias: Parameter;
  readonly #shared: FeedForward | undefined;

  /**
   * Declares experts, router and shared expert.
   *
   * @param kind what an expert is made of
   */
  constructor(
    scope: ParamScope,
    private readonly hidden: number,
    private readonly config: MoeConfig,
    kind: ExpertKind = GATED_EXPERTS,
  ) {
    const { num_experts: experts, moe_intermediate_size: width } = config;
    this.path = scope.path;
    this.#experts = kind.stack(scope, { experts, hidden, width });
    this.#router = scope.parameter("gate.weight", [experts, hidden], { init: kaimingNormal() });
    this.#bias = scope.parameter("gate.e_score_correction_bias", [experts], {
      init: zeros(),
      kind: "buffer",
    });
    if (config.use_shared_expert) this.#shared = kind.shared(scope.sub("shared_experts"), hidden, width);
  }

  /**
   * Routes every token to its experts and adds up what they give.
   *
   * @param x `f32[B, T, D]`, or any leading dimensions
   * @param dropout of the hidden channels of the routed experts
   * @param sharedDropout of the hidden channels of the shared expert
   */
  forward(x: Tensor, dropout: Dropout = NO_DROPOUT, sharedDropout: Dropout = NO_DROPOUT): Routed {
    return x.device.at(this.path, () => {
      const tokens = reshape(x, [x.size / this.hidden, this.hidden]); // f32[T, D]
      const logits = linear(tokens, this.#router.tensor); // f32[T, E]
      const { indices, weights } = this.#route(logits);
      const plan = dispatch(indices, this.config.num_experts, x.device.backend.groupedTileRows);
      const rows = this.#experts.forward(gather(tokens, plan), plan, dropout); // f32[R, D], sorted by expert
      // Without a shared expert the reference adds the layer's own input (behaviour 26).
      const shared = this.#shared ? this.#shared.forward(tokens, sharedDropout) : tokens; // f32[T, D]
      const out = reshape(combine(rows, weights, plan, shared), x.shape); // f32[B, T, D]
      const bias = this.#bias.tensor;
      const auxiliary = this.#auxiliary(logits, plan.counts);
      return { out, routing: { path: this.path, indices, weights, counts: plan.counts, bias, auxiliary } };
    });
  }

  #route(logits: Tensor): { indices: Tensor; weights: Tensor } {
    return route(logits, this.#bias.tensor, {
      groups: this.config.n_group,
      topkGroups: this.config.topk_group,
      topk: this.config.num_experts_per_tok,
      scaling: this.config.routed_scaling_factor,
      normalize: this.config.norm_topk_prob,
    });
  }

  #auxiliary(logits: Tensor, counts: Tensor): (() => Tensor) | undefined {
    const { aux_loss_alpha: alpha = 0, num_experts_per_tok: topk } = this.config;
    if (alpha === 0) return undefined;
    return () =>
      logits.device.at(this.path, () => scale(balanceLoss(sigmoidShares(logits), counts, topk), alpha));
  }
}
