import type { Limits } from "../../engine/kernel.ts";
import { variantsOf } from "../variants.ts";
import keysSource from "./attention_backward_keys_vec4.wgsl" with { type: "text" };
import queriesSource from "./attention_backward_queries_vec4.wgsl" with { type: "text" };
import backwardSource from "./attention_backward_vec4.wgsl" with { type: "text" };
import flashSource from "./attention_flash_vec4.wgsl" with { type: "text" };
import inputsSource from "./attention_inputs_vec4.wgsl" with { type: "text" };
import partnersSource from "./attention_partners_vec4.wgsl" with { type: "text" };
import scoresSource from "./attention_scores_vec4.wgsl" with { type: "text" };
import statisticsSource from "./attention_statistics_vec4.wgsl" with { type: "text" };
import tilesSource from "./attention_tiles_vec4.wgsl" with { type: "text" };
import type { AttentionAttrs, Geometry } from "./geometry.ts";
import { type LaneArrays, SIDE, type Tile, type TiledVersion } from "./webgpu_tiled.ts";

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
export const VECTOR_VERSION: TiledVersion = {
  size: 4,
  element: "vec4f",
  prelude: partnersSource + inputsSource + scoresSource + tilesSource,
  flash: flashSource,
  backward: backwardSource + statisticsSource,
  queries: queriesSource,
  keys: keysSource,
  tile: tileOf,
};

/** 8 x 8 scores a lane, or 4 x 8 where the adapter's registers do not hold so much, or 4 x 4. */
function tileOf({ headDim, tokens }: Geometry, arrays: LaneArrays, limits: Limits): Tile {
  const width = headDim / 4;
  const live = SIDE * (SIDE * arrays.scores + 4 * Math.ceil(width / SIDE) * arrays.sums);
  const rows = tokens > FEW_TOKENS && live <= variantsOf(limits).attentionRegisters ? 8 : 4;
  const columns = tokens > FEW_TOKENS ? 8 : 4;
  return { rows: SIDE * rows, constants: tileSizes(width, rows, columns) };
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
  const registers = { ROWS: rows, ROW_VECTORS: rows / 4, COLUMNS: columns, GROUPS: Math.ceil(width / SIDE) };
  return { WIDTH: width, ...registers, DEPTH: depth, PART: part, ...sizes(part) };
}

function padded(width: number, depth: number): number {
  return Math.ceil(width / depth) * depth;
}
