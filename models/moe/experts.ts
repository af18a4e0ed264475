import { xavierUniform, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { add, full, swiglu } from "../../kernels/elementwise/mod.ts";
import { groupedGatedLinear } from "../../kernels/gated_matmul/mod.ts";
import { groupedMatmul } from "../../kernels/moe/grouped_matmul/mod.ts";
import type { DispatchPlan } from "../../kernels/moe/histogram_scan/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { split } from "../../kernels/split/mod.ts";
import { type Dropout, NO_DROPOUT } from "../layers/dropout.ts";
import { type FeedForward, GatedMlp, SwigluMlp } from "../layers/mlp.ts";

/** All experts of a layer, stacked: each is a feed-forward network on the rows that are given to it. */
export interface StackedExperts {
  /**
   * Applies to each row the expert that the plan gives it to.
   *
   * @param rows `f32[R, D]`, in the order of the plan
   * @returns `f32[R, D]`; padding rows hold anything
   */
  forward(rows: Tensor, plan: DispatchPlan, dropout?: Dropout): Tensor;
}

/** Sizes of a stack of experts. */
export interface StackSizes {
  /** E, number of experts. */
  readonly experts: number;
  /** D, channels of a token. */
  readonly hidden: number;
  /** Hidden channels of one expert. */
  readonly width: number;
}

/** What an expert is made of: a stack of them, and the same network for the shared expert. */
export interface ExpertKind {
  /**
   * Declares the routed experts.
   *
   * @param scope scope of the layer, whose path also names the routing
   */
  stack(scope: ParamScope, sizes: StackSizes): StackedExperts;
  /** Declares the shared expert. */
  shared(scope: ParamScope, hidden: number, width: number): FeedForward;
}

/** Declares one parameter of every expert under `experts.blocks.*`. */
function stacked(
  scope: ParamScope,
  name: string,
  shape: readonly [number, ...number[]],
  init = xavierUniform(),
): Parameter {
  const options = { init, experts: shape[0], routedBy: scope.path, castable: true };
  return scope.parameter(`experts.blocks.*.${name}`, shape, options);
}

/** Experts of DSMoE: `down(silu(gate(x)) * up(x))`, three matrices and no biases (behaviour 19). */
export const GATED_EXPERTS: ExpertKind = {
  stack(scope, { experts, hidden, width }) {
    const gate = stacked(scope, "gate_proj.weight", [experts, width, hidden]);
    const up = stacked(scope, "up_proj.weight", [experts, width, hidden]);
    const down = stacked(scope, "down_proj.weight", [experts, hidden, width]);
    return {
      forward(rows, plan, dropout = NO_DROPOUT) {
        const hidden = groupedGatedLinear(rows, gate.tensor, up.tensor, plan); // f32[R, I]
        return groupedMatmul(dropout(hidden, plan), down.tensor, plan); // f32[R, D]
      },
    };
  },
  shared: (scope, hidden, width) => new GatedMlp(scope, hidden, width),
};

/** Experts of JiTMoE: gate and value from one matrix, `w3(silu(x1) * x2)`, with biases (behaviour 20). */
export const SWIGLU_EXPERTS: ExpertKind = {
  stack(scope, { experts, hidden, width }) {
    const weight12 = stacked(scope, "w12.weight", [experts, 2 * width, hidden]);
    const bias12 = stacked(scope, "w12.bias", [experts, 2 * width], zeros());
    const weight3 = stacked(scope, "w3.weight", [experts, hidden, width]);
    const bias3 = stacked(scope, "w3.bias", [experts, hidden], zeros());
    return {
      forward(rows, plan, dropout = NO_DROPOUT) {
        const both = groupedLinear(rows, weight12, bias12, plan); // f32[R, 2*I]
        const [gate, value] = split(both, 1, 2); // f32[R, I]
        return groupedLinear(dropout(swiglu(gate, value), plan), weight3, bias3, plan); // f32[R, D]
      },
    };
  },
  shared: (scope, hidden, width) => new SwigluMlp(scope, hidden, width),
};

/**
 * A linear layer for each expert. A bias is a weight on an input that is always 1: a product of inner size 1.
 *
 * @param rows `f32[R, K]`, in the order of the plan
 * @param weight `f32[E, N, K]`
 * @param bias `f32[E, N]`
 * @returns `f32[R, N]`; padding rows are zero
 */
export function groupedLinear(rows: Tensor, weight: Parameter, bias: Parameter, plan: DispatchPlan): Tensor {
  const ones = full(rows.device, [plan.rows, 1], 1, rows.dtype);
  const column = reshape(bias.tensor, [...bias.spec.shape, 1]); // f32[E, N, 1]
  return add(groupedMatmul(rows, weight.tensor, plan), groupedMatmul(ones, column, plan)); // f32[R, N]
}
