import type { Kernel } from "../../../engine/kernel.ts";
import { combineBackwardRowsCpu, combineBackwardWeightsCpu, combineCpu } from "./cpu.ts";
import {
  combineBackwardRowsReference,
  combineBackwardWeightsReference,
  combineReference,
} from "./reference.ts";
import { moveCost, type MoveSizes, requireSpecs, shapes } from "./sizes.ts";
import { combineBackwardRowsWebGpu, combineBackwardWeightsWebGpu, gatherBackwardWebGpu } from "./webgpu.ts";
import type { Spec } from "../../../engine/core/spec.ts";

function gatherBackwardSizes(inputs: readonly Spec[]): MoveSizes {
  const [[R, D], [T, K]] = shapes("gather_backward", inputs, [2, 2]);
  return { T, K, D, R };
}

/** Gradient of `gather` for x: grad `f32[R, D]`, row `i32[T, K]` -> `f32[T, D]`, the sum of each token's rows. */
export const GATHER_BACKWARD: Kernel = {
  name: "gather_backward",
  infer(inputs) {
    const { T, K, D, R } = gatherBackwardSizes(inputs);
    requireSpecs("gather_backward", inputs, { grad: ["f32", R, D], row: ["i32", T, K] });
    return [{ dtype: "f32", shape: [T, D] }];
  },
  cost(inputs) {
    const { T, K, D } = gatherBackwardSizes(inputs);
    return moveCost({ flops: T * K * D, read: T * K * D + T * K, written: T * D });
  },
  reference: ([grad, row], [tokens]) => combineReference(grad, undefined, row, tokens),
  webgpu: (inputs, _attrs, limits) => gatherBackwardWebGpu(gatherBackwardSizes(inputs), limits),
  cpu: (inputs) => combineCpu(gatherBackwardSizes(inputs), false),
};

function rowsSizes(inputs: readonly Spec[]): MoveSizes {
  const [[T, D], [, K], [R]] = shapes("combine_backward_rows", inputs, [2, 2, 1]);
  return { T, K, D, R };
}

/** Gradient of `combine` for y: grad `f32[T, D]`, weights `f32[T, K]`, slot `i32[R]` -> `f32[R, D]`. */
export const COMBINE_BACKWARD_ROWS: Kernel = {
  name: "combine_backward_rows",
  infer(inputs) {
    const { T, K, D, R } = rowsSizes(inputs);
    requireSpecs("combine_backward_rows", inputs, {
      grad: ["f32", T, D],
      weights: ["f32", T, K],
      slot: ["i32", R],
    });
    return [{ dtype: "f32", shape: [R, D] }];
  },
  cost(inputs) {
    const { T, K, D, R } = rowsSizes(inputs);
    return moveCost({ flops: T * K * D, read: T * K * D + T * K + R, written: R * D });
  },
  reference: ([grad, weights, slot], [rows]) => combineBackwardRowsReference(grad, weights, slot, rows),
  webgpu: (inputs, _attrs, limits) => combineBackwardRowsWebGpu(rowsSizes(inputs), limits),
  cpu: (inputs) => combineBackwardRowsCpu(rowsSizes(inputs)),
};

function weightsSizes(inputs: readonly Spec[]): MoveSizes {
  const [[T, D], [R], [, K]] = shapes("combine_backward_weights", inputs, [2, 2, 2]);
  return { T, K, D, R };
}

/** Gradient of `combine` for the weights: grad `f32[T, D]`, y `f32[R, D]`, row `i32[T, K]` -> `f32[T, K]`. */
export const COMBINE_BACKWARD_WEIGHTS: Kernel = {
  name: "combine_backward_weights",
  infer(inputs) {
    const { T, K, D, R } = weightsSizes(inputs);
    requireSpecs("combine_backward_weights", inputs, {
      grad: ["f32", T, D],
      y: ["f32", R, D],
      row: ["i32", T, K],
    });
    return [{ dtype: "f32", shape: [T, K] }];
  },
  cost(inputs) {
    const { T, K, D } = weightsSizes(inputs);
    return moveCost({ flops: 2 * T * K * D, read: T * D + T * K * D + T * K, written: T * K });
  },
  reference: ([grad, y, row], [weights]) => combineBackwardWeightsReference(grad, y, row, weights),
  webgpu: (inputs, _attrs, limits) => combineBackwardWeightsWebGpu(weightsSizes(inputs), limits),
  cpu: (inputs) => combineBackwardWeightsCpu(weightsSizes(inputs)),
};
