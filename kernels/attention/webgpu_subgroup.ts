import backwardSource from "./attention_backward_vec4.wgsl" with { type: "text" };
import inputsSource from "./attention_inputs_vec4.wgsl" with { type: "text" };
import partnersSource from "./attention_partners_vec4.wgsl" with { type: "text" };
import scoresSource from "./attention_scores_vec4.wgsl" with { type: "text" };
import statisticsSource from "./attention_statistics_subgroup.wgsl" with { type: "text" };
import tilesSource from "./attention_tiles_subgroup.wgsl" with { type: "text" };
import type { Geometry } from "./geometry.ts";
import { SIDE, type Tile, type TiledVersion } from "./webgpu_tiled.ts";
import { VECTOR_VERSION } from "./webgpu_vec4.ts";

/** Columns of a lane. */
const COLUMNS = 4;

/** Channels of the widest heads of which a lane has 16 rows: wider ones would take twice as long to compile. */
const WIDE = 128;

/** The fourth version: vectors of four channels, and lanes of a subgroup that read each other's registers. */
export const SUBGROUP_VERSION: TiledVersion = {
  ...VECTOR_VERSION,
  prelude: partnersSource + inputsSource + scoresSource + tilesSource,
  backward: backwardSource + statisticsSource,
  tile: tileOf,
};

/** 16 x 4 scores a lane: with more rows kernels are a tenth faster and compile twice as long. */
function tileOf({ headDim, tokens }: Geometry): Tile {
  const rows = headDim <= WIDE && tokens > SIDE ? 2 * SIDE : SIDE;
  const width = headDim / 4;
  const [rowVectors, groups] = [rows / 4, Math.ceil(width / SIDE)];
  const registers = {
    ROWS: rows,
    ROW_VECTORS: rowVectors,
    STRIPS: rows / SIDE,
    COLUMNS,
    GROUPS: groups,
    LATER_SCORES: (COLUMNS - 1) * rowVectors,
    LATER_SUMS: (rows - 1) * groups,
  };
  return { rows, constants: { WIDTH: width, ...registers }, registers };
}
