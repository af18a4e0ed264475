import { kaimingNormal, xavierUniform, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { add, swiglu } from "../../kernels/elementwise/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import { combine, gather } from "../../kernels/moe/gather_scatter/mod.ts";
import { groupedMatmul } from "../../kernels/moe/grouped_matmul/mod.ts";
import { dispatch, type DispatchPlan } from "../../kernels/moe/histogram_scan/mod.ts";
import { route } from "../../kernels/moe/router/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { GatedMlp } from "../layers/mlp.ts";

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
  readonly #router: Parameter;
  readonly #bias: Parameter;
  readonly #gate: Parameter;
  readonly #up: Parameter;
  readonly #down: Parameter;
  readonly #shared: GatedMlp | undefined;

  /** Declares router, experts and shared expert. */
  constructor(scope: ParamScope, private readonly hidden: number, private readonly config: MoeConfig) {
    const { num_experts: experts, moe_intermediate_size: width } = config;
    this.path = scope.path;
    const stack = (name: string, outputs: number, inputs: number) =>
      scope.parameter(`experts.blocks.*.${name}.weight`, [experts, outputs, inputs], {
        init: xavierUniform(),
        experts,
        routedBy: scope.path,
      });
    this.#gate = stack("gate_proj", width, hidden);
    this.#up = stack("up_proj", width, hidden);
    this.#down = stack("down_proj", hidden, width);
    this.#router = scope.parameter("gate.weight", [experts, hidden], { init: kaimingNormal() });
    this.#bias = scope.parameter("gate.e_score_correction_bias", [experts], {
      init: zeros(),
      kind: "buffer",
    });
    if (config.use_shared_expert) this.#shared = new GatedMlp(scope.sub("shared_experts"), hidden, width);
  }

  /**
   * Routes every token to its experts and adds up what they give.
   *
   * @param x `f32[B, T, D]`, or any leading dimensions
   */
  forward(x: Tensor): Routed {
    return x.device.at(this.path, () => {
      const tokens = reshape(x, [x.size / this.hidden, this.hidden]); // f32[T, D]
      const { indices, weights } = this.#route(tokens);
      const plan = dispatch(indices, this.config.num_experts, x.device.backend.groupedTileRows);
      const routed = reshape(this.#experts(tokens, weights, plan), x.shape);
      // Without a shared expert the reference adds the layer's own input (behaviour 26).
      const out = add(routed, this.#shared ? this.#shared.forward(x) : x);
      const bias = this.#bias.tensor;
      return { out, routing: { path: this.path, indices, weights, counts: plan.counts, bias } };
    });
  }

  #route(tokens: Tensor): { indices: Tensor; weights: Tensor } {
    const logits = linear(tokens, this.#router.tensor); // f32[T, E]
    return route(logits, this.#bias.tensor, {
      groups: this.config.n_group,
      topkGroups: this.config.topk_group,
      topk: this.config.num_experts_per_tok,
      scaling: this.config.routed_scaling_factor,
      normalize: this.config.norm_topk_prob,
    });
  }

  #experts(tokens: Tensor, weights: Tensor, plan: DispatchPlan): Tensor {
    const rows = gather(tokens, plan); // f32[R, D], sorted by expert
    const gate = groupedMatmul(rows, this.#gate.tensor, plan); // f32[R, I]
    const up = groupedMatmul(rows, this.#up.tensor, plan); // f32[R, I]
    const down = groupedMatmul(swiglu(gate, up), this.#down.tensor, plan); // f32[R, D]
    return combine(down, weights, plan); // f32[T, D]
  }
}
