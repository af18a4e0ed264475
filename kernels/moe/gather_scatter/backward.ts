import { BYTES_PER_ELEMENT } from "../../../engine/core/dtype.ts";
import type { Spec } from "../../../engine/core/spec.ts";
import type { Kernel } from "../../../engine/kernel.ts";
import { combineBackwardCpu, combineCpu } from "./cpu.ts";
import { combineBackwardReference, combineReference } from "./reference.ts";
import { moveCost, movedType, type MoveSizes, requireSpecs, shapes } from "./sizes.ts";
import { combineBackwardWebGpu, gatherBackwardWebGpu } from "./webgpu.ts";

function gatherBackwardSizes(inputs: readonly Spec[]): MoveSizes {
  const [[R, D], [T, K]] = shapes("gather_backward", inputs.slice(0, 2), [2, 2]);
  return { T, K, D, R };
}

/**
 * Gradient of `gather` for x: grad `f32[R, D]`, row `i32[T, K]` and, where there is one, an earlier gradient `f32[T, D]`
 * -> `f32[T, D]`, the sum of each token's rows and the earlier gradient.
 */
export const GATHER_BACKWARD: Kernel = {
  name: "gather_backward",
  infer(inputs) {
    const { T, K, D, R } = gatherBackwardSizes(inputs);
    const wanted = { grad: ["float", R, D], row: ["i32", T, K] } as const;
    requireSpecs(
      "gather_backward",
      inputs,
      inputs.length > 2 ? { ...wanted, before: ["float", T, D] } : wanted,
    );
    return [{ dtype: movedType(inputs[0]), shape: [T, D] }];
  },
  cost(inputs) {
    const { T, K, D } = gatherBackwardSizes(inputs);
    const before = inputs.length > 2 ? T * D : 0;
    const work = { flops: T * K * D + before, read: T * K * D + before, words: T * K, written: T * D };
    return moveCost(work, inputs[0].dtype);
  },
  reference: ([grad, row, before], [tokens]) => combineReference(grad, undefined, row, before, tokens),
  webgpu: (inputs, _attrs, limits) =>
    gatherBackwardWebGpu(gatherBackwardSizes(inputs), inputs.length > 2, limits),
  cpu: (inputs) => combineCpu(gatherBackwardSizes(inputs), false, inputs.length > 2),
};

function combineBackwardSizes(inputs: readonly Spec[]): MoveSizes {
  const [[T, D], [R], [, K]] = shapes("combine_backward", inputs, [2, 2, 2, 2, 1]);
  return { T, K, D, R };
}

/**
 * Gradients of `combine`: grad `f32[T, D]`, y `f32[R, D]`, weights `f32[T, K]`, row `i32[T, K]`, slot `i32[R]` -> those of
 * y `f32[R, D]` and of the weights `f32[T, K]`.
 */
export const COMBINE_BACKWARD: Kernel = {
  name: "combine_backward",
  infer(inputs) {
    const { T, K, D, R } = combineBackwardSizes(inputs);
    requireSpecs("combine_backward", inputs, {
      grad: ["float", T, D],
      y: ["float", R, D],
      weights: ["f32", T, K],
      row: ["i32", T, K],
      slot: ["i32", R],
    });
    return [{ dtype: movedType(inputs[1]), shape: [R, D] }, { dtype: "f32", shape: [T, K] }];
  },
  cost(inputs) {
    const { T, K, D, R } = combineBackwardSizes(inputs);
    const work = { flops: 3 * T * K * D, read: T * D + T * K * D, words: 2 * T * K + R, written: R * D };
    const { bytesWritten, ...rest } = moveCost(work, inputs[1].dtype);
    return { ...rest, bytesWritten: bytesWritten + T * K * BYTES_PER_ELEMENT };
  },
  reference: combineBackwardReference,
  webgpu: (inputs, _attrs, limits) => combineBackwardWebGpu(combineBackwardSizes(inputs), limits),
  cpu: (inputs) => combineBackwardCpu(combineBackwardSizes(inputs)),
};
