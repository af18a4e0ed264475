import { f32, type Spec } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits, type Slot, type WebGpuPlan } from "../../engine/kernel.ts";
import registerSource from "./matmul_register.wgsl" with { type: "text" };
import sumSource from "./matmul_sum.wgsl" with { type: "text" };
import { variantsOf } from "../variants.ts";
import { type MatmulAttrs, type MatmulSizes, matmulSizes } from "./sizes.ts";
import { memoryOfMatrices, registerTile, TILE_N } from "./tile.ts";

const TILE_K = 16;

/** Workgroups of 64 that fill a large GPU. */
export const BUSY = 128;

/** Fewest steps of k in a split, so that its sums are worth a round trip through memory. */
const FEWEST_STEPS = 256;

/** Most steps of k in a split: the sum keeps its accuracy, and Mesa's llvmpipe ends an invocation's loops after 65,535 rounds. */
export const MOST_STEPS = 16384;

/** One launch, or two where k is split. */
export function matmulWebGpu(inputs: readonly Spec[], attrs: MatmulAttrs, limits: Limits): WebGpuPlan {
  const sizes = matmulSizes(inputs, attrs);
  const out = inputs.length;
  const rows = sizes.m <= 32 ? 4 : 8;
  const depth = depthOf(sizes, rows, variantsOf(limits).busyWorkgroups);
  const splits = Math.ceil(sizes.k / depth);
  // Without a bias its binding is filled by b, which the shader may read as often as it likes and then does not.
  const bias = inputs.length === 3 ? 2 : 1;
  const launch = registerLaunch(sizes, attrs, { rows, depth, splits, bias: bias === 2 }, limits);
  if (splits === 1) return { launches: [{ ...launch, bindings: [0, 1, out, bias] }] };
  const size = sizes.batch * sizes.m * sizes.n;
  const sum = sumLaunch(splits, size, [out + 1, out], limits);
  return { launches: [{ ...launch, bindings: [0, 1, out + 1, bias] }, sum], scratch: [f32(splits, size)] };
}

/**
 * Adds up the results of splits, in order.
 *
 * @param size elements of the result
 * @param bindings slots of the splits' results, `f32[splits, size]`, and of their sum
 */
export function sumLaunch(
  splits: number,
  size: number,
  bindings: readonly [partial: Slot, sum: Slot],
  limits: Limits,
): Launch {
  return {
    source: sumSource,
    overrides: { SPLITS: splits, SIZE: size },
    bindings,
    groups: gridOf(Math.ceil(size / 64), limits),
  };
}

/**
 * Steps of k of a split: all of them where C alone has tiles enough and k is not very long.
 *
 * @param rows rows of an invocation
 * @param busy workgroups below which k is split
 * @param mostSteps longest sum that a split may have
 */
export function depthOf(
  { batch, m, n, k }: Omit<MatmulSizes, "shape">,
  rows: number,
  busy: number,
  mostSteps: number = MOST_STEPS,
): number {
  return splitDepth(k, batch * Math.ceil(m / (8 * rows)) * Math.ceil(n / TILE_N), busy, mostSteps);
}

/** Steps of a split of sums over `k`, for a result of `tiles` tiles; see `depthOf()`. */
export function splitDepth(
  k: number,
  tiles: number,
  busy: number = BUSY,
  mostSteps: number = MOST_STEPS,
): number {
  const worthwhile = Math.min(Math.floor(k / FEWEST_STEPS), Math.floor(busy / tiles));
  const splits = Math.max(1, worthwhile, Math.ceil(k / mostSteps));
  return Math.ceil(k / splits / TILE_K) * TILE_K;
}

function registerLaunch(
  { batch, m, n, k }: MatmulSizes,
  { transA, transB }: MatmulAttrs,
  { rows, depth, splits, bias }: { rows: number; depth: number; splits: number; bias: boolean },
  limits: Limits,
): Omit<Launch, "bindings"> {
  const aligned = [transA ? m : k, transB ? k : n, n].every((row) => row % 4 === 0);
  const tiles = Math.ceil(m / (8 * rows)) * Math.ceil(n / TILE_N);
  return {
    source: registerTile({ rows, memory: memoryOfMatrices(aligned) }, limits) + registerSource,
    overrides: {
      M: m,
      N: n,
      K: k,
      BATCH: batch,
      SPLITS: splits,
      DEPTH: depth,
      TRANS_A: Number(transA),
      TRANS_B: Number(transB),
      BIAS: Number(bias),
    },
    groups: gridOf(splits * batch * tiles, limits),
  };
}
