import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits } from "../../engine/kernel.ts";
import storeApart from "./attention_backward_store_apart.wgsl" with { type: "text" };
import storePacked from "./attention_backward_store_packed.wgsl" with { type: "text" };
import visibleSource from "./attention_visible.wgsl" with { type: "text" };
import type { AttentionAttrs, Geometry } from "./geometry.ts";
import { unrolled } from "./unroll.ts";
import { inputOverrides, readSlots, slotOr } from "./webgpu_overrides.ts";

/** Lanes along each side of a workgroup. */
export const SIDE = 8;

/** How many arrays of scores and of sums a lane holds at once. */
export interface LaneArrays {
  /** Arrays of scores. */
  readonly scores: number;
  /** Arrays of sums. */
  readonly sums: number;
}

/** Sizes of a workgroup's tile. */
export interface Tile {
  /** Rows of a workgroup. */
  readonly rows: number;
  /** How often loops over registers run, for versions that have them written out. */
  readonly registers?: Readonly<Record<string, number>>;
  /** What the sources have as constants. */
  readonly constants: Readonly<Record<string, number>>;
}

/** A version of the flash kernels: its sources, and how it moves and cuts its operands. */
export interface TiledVersion {
  /** Channels that strides and offsets count as one. */
  readonly size: 1 | 4;
  /** WGSL type of so many channels. */
  readonly element: string;
  /** WGSL in front of every kernel: operands and tiles. */
  readonly prelude: string;
  /** The forward kernel. */
  readonly flash: string;
  /** What both backward kernels share. */
  readonly backward: string;
  /** The kernel for dQ. */
  readonly queries: string;
  /** The kernel for dK and dV. */
  readonly keys: string;
  /** Chooses the tile. */
  tile(g: Geometry, arrays: LaneArrays, limits: Limits): Tile;
}

/** The forward launch of a version. */
export function flashLaunch(
  version: TiledVersion,
  g: Geometry,
  attrs: AttentionAttrs,
  limits: Limits,
): Launch {
  const { grid, sourceOf, overrides } = tiling(version, g, g.heads, { scores: 1, sums: 1 }, limits);
  return {
    source: sourceOf(version.flash),
    overrides: { ...inputOverrides(g, attrs, version.size), ...overrides, has_sinks: Number(attrs.sinks) },
    bindings: [...readSlots(g), slotOr(g.sinks, g.q), g.inputs, g.inputs + 1],
    groups: grid,
  };
}

/**
 * The launches of a version for dQ and for dK with dV.
 *
 * @param stats slot of `f32[2, B, H, N]`: log-sum-exp and delta
 * @param gradients slots of the gradients of q, k and v, or of all three packed
 */
export function backwardLaunches(
  version: TiledVersion,
  g: Geometry,
  attrs: AttentionAttrs,
  stats: number,
  gradients: readonly number[],
  limits: Limits,
): Launch[] {
  const rows = g.batch * g.heads * g.tokens;
  const launch = (heads: number, sums: number, sources: string, outputs: readonly number[]): Launch => {
    const { grid, sourceOf, overrides } = tiling(version, g, heads, { scores: 2, sums }, limits);
    return {
      source: sourceOf(version.backward + sources),
      overrides: { ...inputOverrides(g, attrs, version.size), ...overrides, rows },
      bindings: [...readSlots(g), stats, g.inputs + 2, ...outputs],
      groups: grid,
    };
  };
  const store = wgslHeader({ Element: version.element }) +
    (gradients.length === 1 ? storePacked : storeApart);
  return [
    launch(g.heads, 1, version.queries, gradients.slice(0, 1)),
    launch(g.kvHeads, 2, store + version.keys, gradients.length === 1 ? gradients : gradients.slice(1)),
  ];
}

function tiling(
  version: TiledVersion,
  g: Geometry,
  heads: number,
  arrays: LaneArrays,
  limits: Limits,
): { grid: Launch["groups"]; sourceOf: (kernel: string) => string; overrides: Record<string, number> } {
  const { rows, constants, registers = {} } = version.tile(g, arrays, limits);
  const blocks = Math.ceil(g.tokens / rows);
  const total = g.batch * heads * blocks;
  return {
    grid: gridOf(total, limits),
    sourceOf: (kernel) =>
      wgslHeader(constants) + visibleSource + unrolled(version.prelude + kernel, registers),
    overrides: { blocks, total_groups: total },
  };
}
