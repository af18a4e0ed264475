import { gridOf, type Limits, type WebGpuPlan } from "../../../engine/kernel.ts";
import combine from "./combine.wgsl" with { type: "text" };
import combineBackwardRows from "./combine_backward_rows.wgsl" with { type: "text" };
import combineBackwardWeights from "./combine_backward_weights.wgsl" with { type: "text" };
import gather from "./gather.wgsl" with { type: "text" };
import gatherBackward from "./gather_backward.wgsl" with { type: "text" };
import type { MoveSizes } from "./sizes.ts";

/** One workgroup a row of x, slot -> rows; input 2 is not bound. */
export function gatherWebGpu({ K, D, R }: MoveSizes, limits: Limits): WebGpuPlan {
  const overrides = { R, K, D };
  return { launches: [{ source: gather, overrides, bindings: [0, 1, 3], groups: gridOf(R, limits) }] };
}

/** One workgroup a token of grad, row -> tokens. */
export function gatherBackwardWebGpu({ T, K, D }: MoveSizes, limits: Limits): WebGpuPlan {
  const overrides = { T, K, D };
  return {
    launches: [{ source: gatherBackward, overrides, bindings: [0, 1, 2], groups: gridOf(T, limits) }],
  };
}

/** One workgroup a token of y, weights, row -> tokens; input 3 is not bound. */
export function combineWebGpu({ T, K, D }: MoveSizes, limits: Limits): WebGpuPlan {
  const overrides = { T, K, D };
  return { launches: [{ source: combine, overrides, bindings: [0, 1, 2, 4], groups: gridOf(T, limits) }] };
}

/** One workgroup a row of grad, weights, slot -> rows. */
export function combineBackwardRowsWebGpu({ K, D, R }: MoveSizes, limits: Limits): WebGpuPlan {
  const overrides = { R, K, D };
  const bindings = [0, 1, 2, 3];
  return { launches: [{ source: combineBackwardRows, overrides, bindings, groups: gridOf(R, limits) }] };
}

/** One workgroup a pair of grad, y, row -> weights. */
export function combineBackwardWeightsWebGpu({ T, K, D }: MoveSizes, limits: Limits): WebGpuPlan {
  const overrides = { PAIRS: T * K, K, D };
  const bindings = [0, 1, 2, 3];
  return {
    launches: [{ source: combineBackwardWeights, overrides, bindings, groups: gridOf(T * K, limits) }],
  };
}
