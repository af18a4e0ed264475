/**
 * Moves tokens into the rows of their experts and back.
 *
 * @module
 */
import { apply } from "../../../engine/device/device.ts";
import type { Kernel } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { DispatchPlan } from "../histogram_scan/mod.ts";
import { COMBINE_BACKWARD, GATHER_BACKWARD } from "./backward.ts";
import { combineCpu, gatherCpu } from "./cpu.ts";
import { combineReference, gatherReference } from "./reference.ts";
import { combineSizes, gatherSizes, moveCost, movedType, requireSpecs } from "./sizes.ts";
import { combineWebGpu, gatherWebGpu } from "./webgpu.ts";

export { COMBINE_BACKWARD, GATHER_BACKWARD } from "./backward.ts";

/** The `gather` kernel: x, slot, row -> rows. It reads `row` only in its backward rule. */
export const GATHER: Kernel = {
  name: "gather",
  infer(inputs) {
    const { T, K, D, R } = gatherSizes("gather", inputs);
    requireSpecs("gather", inputs, { x: ["float", T, D], slot: ["i32", R], row: ["i32", T, K] });
    return [{ dtype: movedType(inputs[0]), shape: [R, D] }];
  },
  cost(inputs) {
    const { T, K, D, R } = gatherSizes("gather", inputs);
    return moveCost({ flops: 0, read: T * K * D, words: R, written: R * D }, inputs[0].dtype);
  },
  reference: ([x, slot, row], [rows]) => gatherReference(x, slot, row, rows),
  webgpu: (inputs, _attrs, limits) => gatherWebGpu(gatherSizes("gather", inputs), limits),
  cpu: (inputs) => gatherCpu(gatherSizes("gather", inputs)),
  vjp({ inputs: [, , row], grads: [grad], needs, before }) {
    if (!needs[0] || !grad) return [null, null, null];
    const earlier = before(0);
    return [apply(GATHER_BACKWARD, [grad, row, ...(earlier ? [earlier] : [])], {})[0], null, null];
  },
};

/** The `combine` kernel: y, weights, row, slot and what to add to, if anything -> tokens. It reads no `slot`. */
export const COMBINE: Kernel = {
  name: "combine",
  infer(inputs) {
    const { T, K, D, R } = combineSizes("combine", inputs);
    const wanted = {
      y: ["float", R, D],
      weights: ["f32", T, K],
      row: ["i32", T, K],
      slot: ["i32", R],
    } as const;
    requireSpecs("combine", inputs, inputs.length > 4 ? { ...wanted, base: ["float", T, D] } : wanted);
    return [{ dtype: movedType(inputs[0]), shape: [T, D] }];
  },
  cost(inputs) {
    const { T, K, D } = combineSizes("combine", inputs);
    const base = inputs.length > 4 ? T * D : 0;
    const work = { flops: 2 * T * K * D + base, read: T * K * D + base, words: 2 * T * K, written: T * D };
    return moveCost(work, inputs[0].dtype);
  },
  reference: ([y, weights, row, , base], [tokens]) => combineReference(y, weights, row, base, tokens),
  webgpu: (inputs, _attrs, limits) =>
    combineWebGpu(combineSizes("combine", inputs), inputs.length > 4, limits),
  cpu: (inputs) => combineCpu(combineSizes("combine", inputs), true, inputs.length > 4),
  vjp({ inputs: [y, weights, row, slot, base], grads: [grad], needs }) {
    if (!grad) return [null, null, null, null, null];
    const given = [grad, y, weights, row, slot];
    const [dY, dWeights] = needs[0] || needs[1] ? apply(COMBINE_BACKWARD, given, {}) : [];
    return [dY ?? null, dWeights ?? null, null, null, base ? grad : null];
  },
};

/**
 * Copies every token to the rows of its experts; padding rows are zero.
 *
 * @param x `f32[T, D]`
 * @returns `f32[R, D]`, in the dtype of `x`: row `plan.row[t, k]` is token t
 * @throws {ShapeError} when `x` does not have the plan's tokens
 */
export function gather(x: Tensor, plan: DispatchPlan): Tensor {
  return apply(GATHER, [x, plan.slot, plan.row], {})[0];
}

/**
 * Adds up each token's expert outputs: `out[t] = base[t] + sum over k of weights[t, k] * y[plan.row[t, k]]`, k ascending.
 *
 * @param y `f32[R, D]`, rows in the plan's order
 * @param weights `f32[T, K]`
 * @param base what to add to, `f32[T, D]`; zero where absent
 * @returns `f32[T, D]`, in the dtype of `y`
 * @throws {ShapeError} when rows, tokens or slots are not the plan's
 */
export function combine(y: Tensor, weights: Tensor, plan: DispatchPlan, base?: Tensor): Tensor {
  return apply(COMBINE, [y, weights, plan.row, plan.slot, ...(base ? [base] : [])], {})[0];
}
