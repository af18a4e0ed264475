import { TILE_COLUMNS, TILE_STEPS } from "../matmul/cpu_tile.ts";
import { type Gather, isDirect } from "./product.ts";

/** How a `Gather` is cut into blocks that fit the second-level cache. Bytes are multiples of 64. */
export interface GatherBlocks {
  /** Rows of the grid in a block. */
  readonly rows: number;
  /** Columns of the grid in a block: all of them, or a part of one row. */
  readonly columns: number;
  /** Blocks of rows. */
  readonly rowBlocks: number;
  /** Parts of a row. */
  readonly columnBlocks: number;
  /** Panels of 8 positions in a block. */
  readonly panels: number;
  /** Bytes from one k to the next. */
  readonly pitch: number;
  /** Channels in a block of k. */
  readonly channels: number;
  /** Blocks of k. */
  readonly depthBlocks: number;
  /** Steps of k in a block, rounded up to whole rounds of the tile. */
  readonly depth: number;
  /** Whether the image is one long row that is copied as it is, with no taps and no padding. */
  readonly direct: boolean;
  /** The rows of one channel that a block sees, with their padding. */
  readonly stage: Stage;
}

/**
 * A channel's part of a block, with zeros around it: `[phases][rows][pitch]`. Phase f holds every `stride`-th column
 * from f on, so that the positions of a row read neighbours whatever the stride.
 */
export interface Stage {
  /** Phases that any tap reads. */
  readonly phases: number;
  /** Rows of a phase. */
  readonly rows: number;
  /** Elements of a row. */
  readonly pitch: number;
}

/** Positions of a block: a round number of panels, and a block of k of them is 128 KiB. */
const BLOCK_POSITIONS = 128;

/** Most vectors that the copy of one tap is unrolled to. */
const MOST_VECTORS = 48;

/** Steps of k in a block, as in matmul, unless one channel has more taps. */
const BLOCK_DEPTH = 256;

/** Cuts a gather into blocks. */
export function blocksOf(gather: Gather): GatherBlocks {
  const { rows, columns, stride, taps } = gather;
  const [width, columnBlocks] = columnsOf(columns);
  const [height, rowBlocks] = columnBlocks > 1 ? [1, rows] : rowsOf(rows, columns);
  const panels = Math.ceil(height * width / TILE_COLUMNS);
  const [channels, depthBlocks] = channelsOf(gather);
  const shift = Math.ceil(taps[1] / stride[1]);
  return {
    rows: height,
    columns: width,
    rowBlocks,
    columnBlocks,
    panels,
    pitch: oddLines(4 * TILE_COLUMNS * panels + 16),
    channels,
    depthBlocks,
    depth: TILE_STEPS * Math.ceil(channels * taps[0] * taps[1] / TILE_STEPS),
    direct: rows === 1 && isDirect(gather),
    stage: {
      phases: Math.min(stride[1], taps[1]),
      rows: (height - 1) * stride[0] + taps[0],
      pitch: 4 * Math.ceil((width + shift + 6) / 4),
    },
  };
}

function columnsOf(columns: number): [size: number, blocks: number] {
  if (columns <= BLOCK_POSITIONS * 1.25) return [columns, 1];
  const parts = Math.ceil(columns / (BLOCK_POSITIONS * 1.25));
  const width = TILE_COLUMNS * Math.ceil(columns / parts / TILE_COLUMNS);
  return [width, Math.ceil(columns / width)];
}

function rowsOf(rows: number, columns: number): [size: number, blocks: number] {
  const most = Math.min(
    Math.round(BLOCK_POSITIONS / columns),
    Math.floor(MOST_VECTORS / Math.ceil(columns / 4)),
  );
  const blocks = Math.ceil(rows / Math.max(1, most));
  return [Math.ceil(rows / blocks), blocks];
}

function channelsOf({ channels, taps }: Gather): [size: number, blocks: number] {
  const most = Math.max(1, Math.floor(BLOCK_DEPTH / (taps[0] * taps[1])));
  const size = Math.ceil(channels / Math.ceil(channels / most));
  return [size, Math.ceil(channels / size)];
}

/** The next odd number of cache lines, so that the rows of a block do not all fall into the same sets of a cache. */
export function oddLines(bytes: number): number {
  return 64 * (2 * Math.ceil((bytes / 64 - 1) / 2) + 1);
}

/** Bytes of a stage. */
export function stageBytes({ phases, rows, pitch }: Stage): number {
  return 64 * Math.ceil((4 * phases * rows * pitch + 64) / 64);
}
