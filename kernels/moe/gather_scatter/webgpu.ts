import { gridOf, type Limits, type WebGpuPlan } from "../../../engine/kernel.ts";
import combine from "./combine.wgsl" with { type: "text" };
import combineBackward from "./combine_backward.wgsl" with { type: "text" };
import gather from "./gather.wgsl" with { type: "text" };
import gatherBackward from "./gather_backward.wgsl" with { type: "text" };
import type { MoveSizes } from "./sizes.ts";

/** One workgroup a row of x, slot -> rows; input 2 is not bound. */
export function gatherWebGpu({ K, D, R }: MoveSizes, limits: Limits): WebGpuPlan {
  const overrides = { R, K, D };
  return { launches: [{ source: gather, overrides, bindings: [0, 1, 3], groups: gridOf(R, limits) }] };
}

/** One workgroup a token of grad, row -> tokens, and what the sum begins with. */
export function gatherBackwardWebGpu({ T, K, D }: MoveSizes, before: boolean, limits: Limits): WebGpuPlan {
  const overrides = { T, K, D };
  return {
    launches: [{
      source: first(before, 3) + gatherBackward,
      overrides,
      bindings: before ? [0, 1, 3, 2] : [0, 1, 2],
      groups: gridOf(T, limits),
    }],
  };
}

/** One workgroup a token of y, weights, row -> tokens, and what the sum begins with; input 3 is not bound. */
export function combineWebGpu({ T, K, D }: MoveSizes, base: boolean, limits: Limits): WebGpuPlan {
  const overrides = { T, K, D };
  return {
    launches: [{
      source: first(base, 4) + combine,
      overrides,
      bindings: base ? [0, 1, 2, 5, 4] : [0, 1, 2, 4],
      groups: gridOf(T, limits),
    }],
  };
}

/** One workgroup a token, and one a row, of grad, y, weights, row, slot -> rows, weights. */
export function combineBackwardWebGpu({ T, K, D, R }: MoveSizes, limits: Limits): WebGpuPlan {
  const bindings = [0, 1, 2, 3, 4, 5, 6];
  const overrides = { T, R, K, D };
  return { launches: [{ source: combineBackward, overrides, bindings, groups: gridOf(T + R, limits) }] };
}

/** What a sum begins with: the tensor at `binding`, or zero. */
function first(given: boolean, binding: number): string {
  if (!given) return "fn first(at: u32) -> f32 { return 0.0; }\n";
  return `@group(0) @binding(${binding}) var<storage, read> base: array<f32>;
fn first(at: u32) -> f32 { return base[at]; }
`;
}
