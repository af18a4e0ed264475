/**
 * Counting sort of (token, slot) pairs by expert, with every expert padded to whole tiles.
 *
 * @module
 */
import { ShapeError } from "../../../engine/core/errors.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { expectDTypes, formatSpec, i32, type Spec } from "../../../engine/core/spec.ts";
import { apply } from "../../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { dispatchCpu } from "./cpu.ts";
import { type DispatchAttrs, dispatchRows, MOST_EXPERTS } from "./layout.ts";
import { planDispatch } from "./reference.ts";
import { dispatchWebGpu } from "./webgpu.ts";

export { type DispatchAttrs, dispatchRows } from "./layout.ts";

/**
 * Where every (token, slot) pair goes when tokens are sorted by expert: the static-shape plan that `gather`,
 * `groupedMatmul` and `combine` share.
 *
 * T tokens choose K of E experts. Each expert owns whole tiles of `tile` rows; R is the host constant `rows`.
 */
export interface DispatchPlan {
  /** Pairs of each expert: `i32[E]`. */
  readonly counts: Tensor;
  /** First row of each expert, a multiple of `tile`: `i32[E + 1]`; the last entry is the end of the last group. */
  readonly offsets: Tensor;
  /** Row of each pair: `i32[T, K]`. */
  readonly row: Tensor;
  /** `token * K + k` of each row, -1 where the row is padding: `i32[R]`. */
  readonly slot: Tensor;
  /** Expert of each tile of rows, -1 where the tile is unused: `i32[R / tile]`. */
  readonly tileExpert: Tensor;
  /** T, number of tokens. */
  readonly tokens: number;
  /** K, experts of a token. */
  readonly topk: number;
  /** E, number of experts. */
  readonly experts: number;
  /** Rows of a tile. */
  readonly tile: number;
  /** R: rows of the gathered matrix, a multiple of `tile`. */
  readonly rows: number;
}

function outputsOf([indices]: readonly Spec[], { experts, tile }: DispatchAttrs): readonly Spec[] {
  const rows = dispatchRows(sizeOf(indices.shape), experts, tile);
  return [i32(experts), i32(experts + 1), indices, i32(rows), i32(rows / tile)];
}

/** The `dispatch` kernel: indices -> counts, offsets, row, slot, tileExpert. */
export const DISPATCH: Kernel<DispatchAttrs> = {
  name: "dispatch",
  infer(inputs, attrs) {
    expectDTypes("dispatch", inputs, ["i32"]);
    checkDispatch(inputs[0], attrs);
    return outputsOf(inputs, attrs);
  },
  cost: (inputs, attrs) => streamingCost(inputs, outputsOf(inputs, attrs), 0),
  reference([indices], [counts, offsets, row, slot, tileExpert], attrs) {
    planDispatch(indices.data, {
      counts: counts.data,
      offsets: offsets.data,
      row: row.data,
      slot: slot.data,
      tileExpert: tileExpert.data,
    }, attrs.tile);
  },
  webgpu: ([indices], attrs, limits) => dispatchWebGpu(indices, attrs, limits),
  cpu: ([indices], attrs) => dispatchCpu(sizeOf(indices.shape), attrs),
};

function checkDispatch(indices: Spec, { experts, tile }: DispatchAttrs): void {
  const at = `Cannot dispatch ${formatSpec(indices)} to ${experts} experts in tiles of ${tile}`;
  if (indices.shape.length !== 2) throw new ShapeError(`${at}: indices must be i32[tokens, topk]`);
  if (!Number.isInteger(experts) || experts < 1 || experts > MOST_EXPERTS) {
    throw new ShapeError(`${at}: experts must be a whole number from 1 to ${MOST_EXPERTS}, got ${experts}`);
  }
  if (!Number.isInteger(tile) || tile < 1) {
    throw new ShapeError(`${at}: the tile must be a whole number of at least 1, got ${tile}`);
  }
}

/**
 * Sorts (token, slot) pairs by expert, stably, and pads every expert to whole tiles. Nothing is dropped and nothing
 * is read back: the shapes depend on T, K, E and `tile` only.
 *
 * Source: DESIGN section 5; the sort-and-pad layout of megablocks (Gale et al., arXiv 2211.15841).
 *
 * @param indices `i32[T, K]`, experts of each token, 0 to `experts - 1`
 * @param experts E, at most 256
 * @param tile rows that each expert is padded to, usually `device.backend.groupedTileRows`
 * @throws {ShapeError} when indices are not of rank 2, or a number is out of range
 */
export function dispatch(indices: Tensor, experts: number, tile: number): DispatchPlan {
  const [counts, offsets, row, slot, tileExpert] = apply(DISPATCH, [indices], { experts, tile });
  const [tokens, topk] = indices.shape;
  return { counts, offsets, row, slot, tileExpert, tokens, topk, experts, tile, rows: slot.size };
}
