import { f32 } from "../../engine/core/spec.ts";
import type { Launch, Limits, WebGpuPlan } from "../../engine/kernel.ts";
import edges from "./norm_edges.wgsl" with { type: "text" };
import sumSquares from "./sum_squares.wgsl" with { type: "text" };

/** Most workgroups a tensor, and lanes of each: together 65,536 sums. */
const LANES = 256;

/** Elements that one lane adds up before another workgroup is worth starting. */
const ELEMENTS_PER_LANE = 8;

/** One launch a tensor, between one that clears the partial sums and one that finishes. */
export function globalNormWebGpu(sizes: readonly number[], limits: Limits): WebGpuPlan {
  const [norm, partial] = [sizes.length, sizes.length + 1];
  const most = Math.min(LANES, limits.maxComputeWorkgroupsPerDimension);
  const tensors = sizes.map((SIZE, i): Launch => {
    const WORKGROUPS = Math.min(most, Math.ceil(SIZE / (LANES * ELEMENTS_PER_LANE)));
    return {
      source: sumSquares,
      overrides: { SIZE, WORKGROUPS },
      bindings: [i, partial],
      groups: [WORKGROUPS, 1, 1],
    };
  });
  return {
    scratch: [f32(LANES)],
    launches: [
      { source: edges, entryPoint: "clear", bindings: [partial], groups: [1, 1, 1] },
      ...tensors,
      { source: edges, entryPoint: "finish", bindings: [partial, norm], groups: [1, 1, 1] },
    ],
  };
}
