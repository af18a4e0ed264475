import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits } from "../../engine/kernel.ts";
import { variantsOf } from "../variants.ts";
import keysSource from "./attention_backward_keys_vec4.wgsl" with { type: "text" };
import queriesSource from "./attention_backward_queries_vec4.wgsl" with { type: "text" };
import storeApart from "./attention_backward_store_apart.wgsl" with { type: "text" };
import storePacked from "./attention_backward_store_packed.wgsl" with { type: "text" };
import backwardSource from "./attention_backward_vec4.wgsl" with { type: "text" };
import flashSource from "./attention_flash_vec4.wgsl" with { type: "text" };
import inputsSource from "./attention_inputs_vec4.wgsl" with { type: "text" };
import tilesSource from "./attention_tiles_vec4.wgsl" with { type: "text" };
import visibleSource from "./attention_visible.wgsl" with { type: "text" };
import type { AttentionAttrs, Geometry } from "./geometry.ts";
import { inputOverrides, readSlots, slotOr } from "./webgpu_overrides.ts";

/** Lanes along each side of a workgroup. */
const SIDE = 8;

/** Channels of the widest heads of which a slice of columns fits workgroup memory. */
const WIDEST = 256;

/** Tokens up to which one small tile holds them all. */
const FEW_TOKENS = 32;

/** Bytes of workgroup memory that every adapter has, and of a vector. */
const [WORKGROUP_BYTES, VECTOR_BYTES] = [16384, 16];

/** Vectors of a chunk of channels; the first of those that waste least is taken. */
const DEPTHS = [6, 5, 4];

/** Columns of a lane in a slice; the first that fits is taken. */
const PARTS = [4, 2, 1];

/** Whether heads are whole vectors, and partners lie in one vector, in two, or are vectors of their own. */
export function fitsVectors({ headDim }: Geometry, { block }: AttentionAttrs): boolean {
  return headDim % 4 === 0 && headDim <= WIDEST && (block === 2 || block % 4 === 0);
}

/** The third version: tiles, moved by vectors of four channels. */
export function vectorFlash(g: Geometry, attrs: AttentionAttrs, limits: Limits): Launch {
  const { grid, header, overrides } = tiling(g, g.heads, { scores: 1, sums: 1 }, limits);
  return {
    source: header + flashSource,
    overrides: { ...inputOverrides(g, attrs, 4), ...overrides, has_sinks: Number(attrs.sinks) },
    bindings: [...readSlots(g), slotOr(g.sinks, g.q), g.inputs, g.inputs + 1],
    groups: grid,
  };
}

/**
 * The launches for dQ and for dK with dV in that version.
 *
 * @param stats slot of `f32[2, B, H, N]`: log-sum-exp and delta
 * @param gradients slots of the gradients of q, k and v, or of all three packed
 */
export function vectorBackward(
  g: Geometry,
  attrs: AttentionAttrs,
  stats: number,
  gradients: readonly number[],
  limits: Limits,
): Launch[] {
  const launch = (heads: number, sums: number, sources: string, outputs: readonly number[]): Launch => {
    const { grid, header, overrides } = tiling(g, heads, { scores: 2, sums }, limits);
    return {
      source: header + backwardSource + sources,
      overrides: { ...inputOverrides(g, attrs, 4), ...overrides, rows: g.batch * g.heads * g.tokens },
      bindings: [...readSlots(g), stats, g.inputs + 2, ...outputs],
      groups: grid,
    };
  };
  const store = wgslHeader({ Element: "vec4f" }) + (attrs.packed ? storePacked : storeApart);
  return [
    launch(g.heads, 1, queriesSource, gradients.slice(0, 1)),
    launch(g.kvHeads, 2, store + keysSource, attrs.packed ? gradients : gradients.slice(1)),
  ];
}

/**
 * Sizes of the tiles: 8 x 8 scores a lane, or 4 x 8 where the adapter's registers do not hold so much, or 4 x 4.
 *
 * @param arrays how many arrays of scores and of sums a lane holds at once
 */
function tiling(
  g: Geometry,
  heads: number,
  arrays: { readonly scores: number; readonly sums: number },
  limits: Limits,
): { grid: Launch["groups"]; header: string; overrides: Record<string, number> } {
  const width = g.headDim / 4;
  const live = SIDE * (SIDE * arrays.scores + 4 * Math.ceil(width / SIDE) * arrays.sums);
  const rows = g.tokens > FEW_TOKENS && live <= variantsOf(limits).attentionRegisters ? 8 : 4;
  const columns = g.tokens > FEW_TOKENS ? 8 : 4;
  const blocks = Math.ceil(g.tokens / (SIDE * rows));
  const total = g.batch * heads * blocks;
  return {
    grid: gridOf(total, limits),
    header: wgslHeader(tileSizes(width, rows, columns)) + visibleSource + inputsSource + tilesSource,
    overrides: { blocks, total_groups: total },
  };
}

/** Constants of `attention_tiles_vec4.wgsl`: a chunk of channels and a slice of columns share workgroup memory. */
function tileSizes(width: number, rows: number, columns: number): Record<string, number> {
  const depth = DEPTHS.map((depth) => Math.min(depth, width))
    .reduce((best, depth) => padded(width, depth) < padded(width, best) ? depth : best);
  const [leftStep, rightStep] = [2 * rows + 1, 2 * columns + 1];
  const sizes = (part: number) => ({
    LEFT_SIZE: Math.max(4 * depth, SIDE * part) * leftStep,
    RIGHT_SIZE: Math.max(4 * depth * rightStep, SIDE * part * width + SIDE),
  });
  const fits = ({ LEFT_SIZE, RIGHT_SIZE }: ReturnType<typeof sizes>) =>
    (LEFT_SIZE + RIGHT_SIZE + 2 * SIDE * rows) * VECTOR_BYTES <= WORKGROUP_BYTES;
  const part = PARTS.find((part) => part <= columns && fits(sizes(part))) ?? 1;
  return { WIDTH: width, ROWS: rows, COLUMNS: columns, DEPTH: depth, PART: part, ...sizes(part) };
}

function padded(width: number, depth: number): number {
  return Math.ceil(width / depth) * depth;
}
