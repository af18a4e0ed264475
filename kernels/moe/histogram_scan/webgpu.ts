import { sizeOf } from "../../../engine/core/shape.ts";
import { i32, type Spec } from "../../../engine/core/spec.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../../engine/kernel.ts";
import histogram from "./histogram.wgsl" with { type: "text" };
import place from "./place.wgsl" with { type: "text" };
import scanBlocks from "./scan_blocks.wgsl" with { type: "text" };
import { type DispatchAttrs, dispatchRows, MOST_EXPERTS } from "./layout.ts";

/** Three launches: histograms of blocks, their scan over blocks, and the placement. */
export function dispatchWebGpu(indices: Spec, attrs: DispatchAttrs, limits: Limits): WebGpuPlan {
  const [INDICES, COUNTS, OFFSETS, ROW, SLOT, TILE_EXPERT, BLOCK_COUNTS] = [0, 1, 2, 3, 4, 5, 6];
  const PAIRS = sizeOf(indices.shape);
  const { experts: EXPERTS, tile: TILE } = attrs;
  const ROWS = dispatchRows(PAIRS, EXPERTS, TILE);
  const BLOCKS = Math.ceil(PAIRS / MOST_EXPERTS);
  return {
    scratch: [i32(BLOCKS, EXPERTS)],
    launches: [
      {
        source: histogram,
        overrides: { PAIRS, EXPERTS, BLOCKS },
        bindings: [INDICES, BLOCK_COUNTS, ROW],
        groups: gridOf(BLOCKS, limits),
      },
      {
        source: scanBlocks,
        overrides: { EXPERTS, BLOCKS },
        bindings: [BLOCK_COUNTS, COUNTS],
        groups: gridOf(EXPERTS, limits),
      },
      {
        source: place,
        overrides: { PAIRS, EXPERTS, ROWS, TILE },
        bindings: [INDICES, BLOCK_COUNTS, COUNTS, OFFSETS, ROW, SLOT, TILE_EXPERT],
        groups: gridOf(Math.ceil(ROWS / MOST_EXPERTS), limits),
      },
    ],
  };
}
