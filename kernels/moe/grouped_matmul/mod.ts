/**
 * Matrix products with one weight for each expert, over rows that are sorted by expert.
 *
 * @module
 */
import { apply } from "../../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { DispatchPlan } from "../histogram_scan/mod.ts";
import { groupedMatmulCpu } from "./cpu.ts";
import { groupedOuterCpu } from "./cpu_backward.ts";
import { groupedMatmulReference, groupedOuterReference } from "./reference.ts";
import {
  type GroupedMatmulAttrs,
  groupedOuterSizes,
  groupedOutput,
  groupedSizes,
  outerOutput,
} from "./sizes.ts";
import { groupedMatmulWebGpu, groupedOuterWebGpu } from "./webgpu.ts";

export type { GroupedMatmulAttrs } from "./sizes.ts";

/**
 * The m-grouped kernel: x `f32[R, K]`, weight `f32[E, N, K]`, counts `i32[E]`, offsets `i32[E + 1]`, tileExpert
 * `i32[R / tile]` and, where there is one, an addend `f32[R, N]` -> `f32[R, N]`; without `transposeWeight`, x `f32[R, N]`
 * -> `f32[R, K]`.
 */
export const GROUPED_MATMUL: Kernel<GroupedMatmulAttrs> = {
  name: "grouped_matmul",
  infer(inputs, attrs) {
    return [groupedOutput(inputs, groupedSizes(inputs, attrs))];
  },
  cost(inputs, attrs) {
    const sizes = groupedSizes(inputs, attrs);
    const { rows, n, k } = sizes;
    const flops = 2 * rows * n * k + (inputs.length > 5 ? rows * n : 0);
    return streamingCost(inputs, [groupedOutput(inputs, sizes)], flops);
  },
  reference: groupedMatmulReference,
  webgpu: groupedMatmulWebGpu,
  cpu: groupedMatmulCpu,
  vjp: groupedMatmulVjp,
};

/**
 * The k-grouped kernel, the gradient of the weights: a `f32[R, M]`, b `f32[R, N]`, counts `i32[E]`, offsets
 * `i32[E + 1]` -> `f32[E, M, N]`, for each expert the sum of the outer products of its rows.
 */
export const GROUPED_MATMUL_OUTER: Kernel = {
  name: "grouped_matmul_outer",
  infer: (inputs) => [outerOutput(groupedOuterSizes(inputs))],
  cost(inputs) {
    const sizes = groupedOuterSizes(inputs);
    return streamingCost(inputs, [outerOutput(sizes)], 2 * sizes.rows * sizes.m * sizes.n);
  },
  reference: groupedOuterReference,
  webgpu: (inputs, _attrs, limits) => groupedOuterWebGpu(inputs, limits),
  cpu: groupedOuterCpu,
};

/** With G the gradient of y = x W^T: dx = G W in the same groups, and dW[e] = G^T x over the rows of e. */
function groupedMatmulVjp(context: VjpContext<GroupedMatmulAttrs>): (Tensor | null)[] {
  const { inputs: [x, weight, counts, offsets, tileExpert], grads: [grad], needs } = context;
  if (!grad) return context.inputs.map(() => null);
  const { tile, transposeWeight } = context.attrs;
  const dx = () => {
    const earlier = context.before(0);
    const given = [grad, weight, counts, offsets, tileExpert, ...(earlier ? [earlier] : [])];
    return apply(GROUPED_MATMUL, given, { tile, transposeWeight: !transposeWeight })[0];
  };
  const dWeight = () => {
    const [rows, columns] = transposeWeight ? [grad, x] : [x, grad];
    return apply(GROUPED_MATMUL_OUTER, [rows, columns, counts, offsets], {})[0];
  };
  return [needs[0] ? dx() : null, needs[1] ? dWeight() : null, null, null, null];
}

/**
 * A linear layer for each expert: row r of the result is `weight[e] x[r]`, with e the expert that the plan gives row
 * r to. Padding rows, those at the end of each group and those after the last group, are zero whatever `x` holds.
 *
 * Source: DESIGN section 5; the m- and k-grouped layouts of DeepGEMM, the grouped GEMM of megablocks.
 *
 * @param x `f32[R, K]`, rows in the order of the plan, as `gather` makes them
 * @param weight `f32[E, N, K]`
 * @param plan from `dispatch`
 * @returns `f32[R, N]`
 * @throws {ShapeError} when the sizes do not fit
 */
export function groupedMatmul(x: Tensor, weight: Tensor, plan: DispatchPlan): Tensor {
  const { counts, offsets, tileExpert, tile } = plan;
  return apply(GROUPED_MATMUL, [x, weight, counts, offsets, tileExpert], { tile, transposeWeight: true })[0];
}
