import { bytesPerElement, type DType } from "../../engine/core/dtype.ts";
import { bindingRanges, bindItems } from "../../engine/device/webgpu/ranges.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import { memoryOf } from "../matmul/memory.ts";
import { registerTile } from "../matmul/tile.ts";
import groupedGated from "./grouped_gated_linear.wgsl" with { type: "text" };
import gatedLinear from "./gated_linear.wgsl" with { type: "text" };
import type { GatedSizes } from "./sizes.ts";
import tileOfPairs from "./tile_of_pairs.wgsl" with { type: "text" };

/** Outputs of a workgroup's tile: half of its columns. */
const OUTPUTS = 32;

const OPERANDS = "const TRANS_A = false;\nconst TRANS_B = true;\n";

function prelude(rows: number, { n, k }: GatedSizes, limits: Limits): string {
  const memory = memoryOf([
    ["a", "read"],
    ["gate_weight", "read"],
    ["up_weight", "read"],
    ["gate", "read_write"],
    ["up", "read_write"],
    ["hidden", "read_write"],
  ], n % 4 === 0 && k % 4 === 0);
  return registerTile({ rows, memory: memory + tileOfPairs, transposition: OPERANDS }, limits);
}

/** One launch. */
export function gatedLinearWebGpu(sizes: GatedSizes, limits: Limits): WebGpuPlan {
  const { rows, n, k } = sizes;
  const height = rows <= 32 ? 4 : 8;
  return {
    launches: [{
      source: prelude(height, sizes, limits) + gatedLinear,
      overrides: { M: rows, N: n, K: k },
      bindings: [0, 1, 2, 3, 4, 5],
      groups: gridOf(Math.ceil(rows / (8 * height)) * Math.ceil(n / OUTPUTS), limits),
    }],
  };
}

/** One launch, or one for each range of experts that can be bound; counts and offsets are not bound. */
export function groupedGatedWebGpu(
  sizes: GatedSizes & { readonly experts: number },
  tile: number,
  weights: DType,
  limits: Limits,
): WebGpuPlan {
  const { rows, n, k, experts } = sizes;
  const height = tile <= 32 ? 4 : 8;
  const blocks = rows / tile * Math.ceil(tile / (8 * height));
  const source = prelude(height, sizes, limits) + groupedGated;
  const expertBytes = bytesPerElement(weights) * n * k;
  return {
    launches: bindingRanges(experts, expertBytes, limits).map((range) => {
      const bound = [1, 2].map((slot) => bindItems(slot, range, expertBytes, experts));
      return {
        source,
        overrides: { R: rows, N: n, K: k, TILE: tile, FIRST: range.first, EXPERTS: range.count },
        bindings: [0, ...bound, 6, 7, 8, 5],
        groups: gridOf(blocks * Math.ceil(n / OUTPUTS), limits),
      };
    }),
  };
}
