/**
 * Moves tokens into the rows of their experts and back.
 *
 * @module
 */
import { apply } from "../../../engine/device/device.ts";
import type { Kernel } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { DispatchPlan } from "../histogram_scan/mod.ts";
import { COMBINE_BACKWARD_ROWS, COMBINE_BACKWARD_WEIGHTS, GATHER_BACKWARD } from "./backward.ts";
import { combineCpu, gatherCpu } from "./cpu.ts";
import { combineReference, gatherReference } from "./reference.ts";
import { combineSizes, gatherSizes, moveCost, requireSpecs } from "./sizes.ts";
import { combineWebGpu, gatherWebGpu } from "./webgpu.ts";

export { COMBINE_BACKWARD_ROWS, COMBINE_BACKWARD_WEIGHTS, GATHER_BACKWARD } from "./backward.ts";

/** The `gather` kernel: x, slot, row -> rows. It reads `row` only in its backward rule. */
export const GATHER: Kernel = {
  name: "gather",
  infer(inputs) {
    const { T, K, D, R } = gatherSizes("gather", inputs);
    requireSpecs("gather", inputs, { x: ["f32", T, D], slot: ["i32", R], row: ["i32", T, K] });
    return [{ dtype: "f32", shape: [R, D] }];
  },
  cost(inputs) {
    const { T, K, D, R } = gatherSizes("gather", inputs);
    return moveCost({ flops: 0, read: T * K * D + R, written: R * D });
  },
  reference: ([x, slot, row], [rows]) => gatherReference(x, slot, row, rows),
  webgpu: (inputs, _attrs, limits) => gatherWebGpu(gatherSizes("gather", inputs), limits),
  cpu: (inputs) => gatherCpu(gatherSizes("gather", inputs)),
  vjp: ({ inputs: [, , row], grads: [grad], needs }) => [
    needs[0] && grad ? apply(GATHER_BACKWARD, [grad, row], {})[0] : null,
    null,
    null,
  ],
};

/** The `combine` kernel: y, weights, row, slot -> tokens. It reads `slot` only in its backward rule. */
export const COMBINE: Kernel = {
  name: "combine",
  infer(inputs) {
    const { T, K, D, R } = combineSizes("combine", inputs);
    requireSpecs("combine", inputs, {
      y: ["f32", R, D],
      weights: ["f32", T, K],
      row: ["i32", T, K],
      slot: ["i32", R],
    });
    return [{ dtype: "f32", shape: [T, D] }];
  },
  cost(inputs) {
    const { T, K, D } = combineSizes("combine", inputs);
    return moveCost({ flops: 2 * T * K * D, read: T * K * D + 2 * T * K, written: T * D });
  },
  reference: ([y, weights, row], [tokens]) => combineReference(y, weights, row, tokens),
  webgpu: (inputs, _attrs, limits) => combineWebGpu(combineSizes("combine", inputs), limits),
  cpu: (inputs) => combineCpu(combineSizes("combine", inputs), true),
  vjp({ inputs: [y, weights, row, slot], grads: [grad], needs }) {
    if (!grad) return [null, null, null, null];
    return [
      needs[0] ? apply(COMBINE_BACKWARD_ROWS, [grad, weights, slot], {})[0] : null,
      needs[1] ? apply(COMBINE_BACKWARD_WEIGHTS, [grad, y, row], {})[0] : null,
      null,
      null,
    ];
  },
};

/**
 * Copies every token to the rows of its experts; padding rows are zero.
 *
 * @param x `f32[T, D]`
 * @returns `f32[R, D]`: row `plan.row[t, k]` is token t
 * @throws {ShapeError} when `x` does not have the plan's tokens
 */
export function gather(x: Tensor, plan: DispatchPlan): Tensor {
  return apply(GATHER, [x, plan.slot, plan.row], {})[0];
}

/**
 * Adds up each token's expert outputs: `out[t] = sum over k of weights[t, k] * y[plan.row[t, k]]`, k ascending.
 *
 * @param y `f32[R, D]`, rows in the plan's order
 * @param weights `f32[T, K]`
 * @returns `f32[T, D]`
 * @throws {ShapeError} when rows, tokens or slots are not the plan's
 */
export function combine(y: Tensor, weights: Tensor, plan: DispatchPlan): Tensor {
  return apply(COMBINE, [y, weights, plan.row, plan.slot], {})[0];
}
