import { BYTES_PER_ELEMENT, bytesPerElement } from "../../../engine/core/dtype.ts";
import type { Spec } from "../../../engine/core/spec.ts";
import { bindingRanges, bindItems } from "../../../engine/device/webgpu/ranges.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../../engine/kernel.ts";
import { elementOf, readerOf } from "../../matmul/memory.ts";
import { memoryOfMatrices, registerTile, TILE_N } from "../../matmul/tile.ts";
import backwardSource from "./grouped_matmul_backward.wgsl" with { type: "text" };
import forwardSource from "./grouped_matmul.wgsl" with { type: "text" };
import { type GroupedMatmulAttrs, groupedOuterSizes, groupedSizes } from "./sizes.ts";

/** One launch, or one for each range of experts that can be bound: each workgroup asks which expert its rows belong to. */
export function groupedMatmulWebGpu(
  inputs: readonly Spec[],
  attrs: GroupedMatmulAttrs,
  limits: Limits,
): WebGpuPlan {
  const { rows, n, k, experts } = groupedSizes(inputs, attrs);
  const { tile, transposeWeight } = attrs;
  const height = tile <= 32 ? 4 : 8;
  const blocks = rows / tile * Math.ceil(tile / (8 * height));
  const aligned = n % 4 === 0 && k % 4 === 0;
  const addend = inputs.length > 5;
  const tileText = registerTile({ rows: height, memory: memoryOfMatrices(aligned) }, limits);
  const source = tileText + addendReader(addend, aligned) + forwardSource;
  const out = inputs.length;
  const sizes = { R: rows, N: n, K: k, TILE: tile, TRANS_A: 0, TRANS_B: Number(transposeWeight) };
  const groups = gridOf(blocks * Math.ceil(n / TILE_N), limits);
  const expertBytes = bytesPerElement(inputs[1].dtype) * n * k;
  return {
    launches: bindingRanges(experts, expertBytes, limits).map((range) => ({
      source,
      overrides: { ...sizes, FIRST: range.first, EXPERTS: range.count },
      bindings: [0, bindItems(1, range, expertBytes, experts), out, 2, 3, 4, ...(addend ? [5] : [])],
      groups,
    })),
  };
}

/** One launch, or one for each range of experts that can be bound: each workgroup walks the rows of its expert. */
export function groupedOuterWebGpu(inputs: readonly Spec[], limits: Limits): WebGpuPlan {
  const { m, n, experts } = groupedOuterSizes(inputs);
  const height = m <= 32 ? 4 : 8;
  const tiles = Math.ceil(m / (8 * height)) * Math.ceil(n / TILE_N);
  const memory = memoryOfMatrices(m % 4 === 0 && n % 4 === 0);
  const source = registerTile({ rows: height, memory }, limits) + backwardSource;
  const expertBytes = BYTES_PER_ELEMENT * m * n;
  return {
    launches: bindingRanges(experts, expertBytes, limits).map((range) => ({
      source,
      overrides: { M: m, N: n, FIRST: range.first, EXPERTS: range.count, TRANS_A: 1, TRANS_B: 0 },
      bindings: [0, 1, bindItems(4, range, expertBytes, experts), 2, 3],
      groups: gridOf(range.count * tiles, limits),
    })),
  };
}

/** Reads four neighbours of what is added to the product, or zeros. */
function addendReader(given: boolean, aligned: boolean): string {
  if (!given) return "fn read_addend(at: u32, count: u32) -> vec4f { return vec4f(); }\n";
  const binding = `@group(0) @binding(6) var<storage, read> addend: array<${elementOf(aligned)}>;\n`;
  return binding + readerOf("addend", aligned);
}
