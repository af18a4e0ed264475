import type { Spec } from "../../../engine/core/spec.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../../engine/kernel.ts";
import { TILE_N, tilePrelude } from "../../matmul/webgpu.ts";
import backwardSource from "./grouped_matmul_backward.wgsl" with { type: "text" };
import source from "./grouped_matmul.wgsl" with { type: "text" };
import { type GroupedMatmulAttrs, groupedOuterSizes, groupedSizes } from "./sizes.ts";

/** One launch: each workgroup asks which expert its rows belong to. */
export function groupedMatmulWebGpu(
  inputs: readonly Spec[],
  attrs: GroupedMatmulAttrs,
  limits: Limits,
): WebGpuPlan {
  const { rows, n, k } = groupedSizes(inputs, attrs);
  const { tile, transposeWeight } = attrs;
  const height = tile <= 32 ? 4 : 8;
  const blocks = rows / tile * Math.ceil(tile / (8 * height));
  return {
    launches: [{
      source: tilePrelude(height, n % 4 === 0 && k % 4 === 0) + source,
      overrides: { R: rows, N: n, K: k, TILE: tile, TRANS_A: 0, TRANS_B: Number(transposeWeight) },
      bindings: [0, 1, 5, 2, 3, 4],
      groups: gridOf(blocks * Math.ceil(n / TILE_N), limits),
    }],
  };
}

/** One launch: each workgroup walks the rows of its expert. */
export function groupedOuterWebGpu(inputs: readonly Spec[], limits: Limits): WebGpuPlan {
  const { m, n, experts } = groupedOuterSizes(inputs);
  const height = m <= 32 ? 4 : 8;
  const tiles = Math.ceil(m / (8 * height)) * Math.ceil(n / TILE_N);
  return {
    launches: [{
      source: tilePrelude(height, m % 4 === 0 && n % 4 === 0) + backwardSource,
      overrides: { M: m, N: n, EXPERTS: experts, TRANS_A: 1, TRANS_B: 0 },
      bindings: [0, 1, 4, 2, 3],
      groups: gridOf(experts * tiles, limits),
    }],
  };
}
