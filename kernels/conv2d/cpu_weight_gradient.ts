import { f32, type Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  i32,
  type KernelBuilder,
  kernelModule,
  type Procedure,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan } from "../../engine/kernel.ts";
import { GRAIN_FLOPS, grainOf, packedElements, smaller } from "../matmul/cpu.ts";
import { definePackA, definePackB, panelBytes } from "../matmul/cpu_pack.ts";
import { defineTile, TILE_COLUMNS, TILE_ROWS, TILE_STEPS } from "../matmul/cpu_tile.ts";
import { blocksOf, type GatherBlocks, oddLines, stageBytes } from "./cpu_blocks.ts";
import { defineFillBlock } from "./cpu_gather.ts";
import { sumCall } from "./cpu_sum.ts";
import { flattened, type Gather, windowsOf } from "./product.ts";
import { conv2dFlops, type Conv2dWeightGradientAttrs, weightGradientSizes } from "./sizes.ts";

/** Rows of a block of the gradient. */
const BLOCK_ROWS = 120;

/** Work items that the blocks of pixels are split for; their sums are added up afterwards. */
const ITEMS = 16;

/** How dW`[rows, k]` = grad`[rows, pixels]` times windows`[k, pixels]`^T is cut into work items. */
interface Split {
  readonly gather: Gather;
  readonly blocks: GatherBlocks;
  /** Channels of the output. */
  readonly rows: number;
  /** Rows of a block of the gradient. */
  readonly blockRows: number;
  readonly rowBlocks: number;
  /** Blocks of pixels of all images. */
  readonly pixelBlocks: number;
  /** Blocks of pixels that one item sums over. */
  readonly chunk: number;
  /** Items that sum over different pixels. */
  readonly splits: number;
}

/** What a lane holds: offsets in bytes. */
interface LaneLayout {
  /** Panels of the transposed implicit matrix; the matrix itself comes first. */
  readonly panels: number;
  /** Packed rows of the output's gradient. */
  readonly grads: number;
  /** The block of the weight's gradient. */
  readonly sums: number;
  /** A channel's stage. */
  readonly stage: number;
  /** All of it. */
  readonly bytes: number;
}

/** The gradient of the weight: each item sums over its share of all pixels, then the shares are added in order. */
export function weightGradientCpu(inputs: readonly Spec[], attrs: Conv2dWeightGradientAttrs): CpuPlan {
  const sizes = weightGradientSizes(inputs[0], inputs[1], attrs);
  const split = splitOf(flattened(windowsOf(sizes)), sizes.outputs, conv2dFlops(sizes));
  const elements = split.rows * depthOf(split.gather);
  const lanes = { spec: f32(laneLayout(split).bytes / 4), perLane: true };
  const range = split.splits * split.rowBlocks * split.blocks.depthBlocks;
  const grain = grainOf(conv2dFlops(sizes) / range);
  const multiply = (to: number, lane: number): CpuCall => ({
    key: `conv2d_weight_gradient ${JSON.stringify([split.gather, split.rows])}`,
    build: () => multiplyModule(split),
    bindings: [0, 1, to, lane],
    range,
    grain,
  });
  if (split.splits === 1) return { calls: [multiply(2, 3)], scratch: [lanes] };
  return {
    calls: [multiply(3, 4), sumCall(elements, split.splits, [3, 2])],
    scratch: [{ spec: f32(split.splits, elements) }, lanes],
  };
}

function splitOf(gather: Gather, rows: number, flops: number): Split {
  const blocks = blocksOf(gather);
  const rowBlocks = Math.ceil(rows / BLOCK_ROWS);
  const blockRows = TILE_ROWS * Math.ceil(rows / rowBlocks / TILE_ROWS);
  const pixelBlocks = gather.batch * blocks.rowBlocks * blocks.columnBlocks;
  const items = Math.min(ITEMS, Math.ceil(flops / GRAIN_FLOPS));
  const wanted = Math.min(pixelBlocks, Math.ceil(items / (rowBlocks * blocks.depthBlocks)));
  const chunk = Math.ceil(pixelBlocks / wanted);
  const splits = Math.ceil(pixelBlocks / chunk);
  return {
    gather,
    blocks,
    rows,
    blockRows,
    rowBlocks: Math.ceil(rows / blockRows),
    pixelBlocks,
    chunk,
    splits,
  };
}

/** Length of a row of the weight. */
function depthOf({ channels, taps }: Gather): number {
  return channels * taps[0] * taps[1];
}

function laneLayout({ blocks, blockRows }: Split): LaneLayout {
  const positions = blocks.rows * blocks.columns;
  const panels = blocks.depth * blocks.pitch;
  const grads = panels + 4 * packedElements(blocks.depth, positions);
  const sums = grads + blockRows / TILE_ROWS * gradPanel(positions);
  const stage = sums + blockRows * sumPitch(blocks);
  return { panels, grads, sums, stage, bytes: stage + stageBytes(blocks.stage) };
}

/** Bytes of 5 packed rows of the output's gradient. */
function gradPanel(positions: number): number {
  return 64 * Math.ceil(panelBytes(TILE_ROWS, positions) / 64);
}

/** Bytes from one row of sums to the next. */
function sumPitch({ depth }: GatherBlocks): number {
  return oddLines(4 * TILE_COLUMNS * Math.ceil(depth / TILE_COLUMNS));
}

/** One item is a block of rows and of channels, summed over some blocks of pixels. */
function multiplyModule(split: Split): Uint8Array<ArrayBuffer> {
  const { gather, blocks, rows, blockRows, rowBlocks, pixelBlocks, chunk } = split;
  const lane = laneLayout(split), taps = gather.taps[0] * gather.taps[1];
  return kernelModule((f) => {
    const addBlock = defineAddBlock(f, split), write = defineWriteSums(f, split);
    const [images, grads, out, lanes] = f.pointers(4);
    const base = f.localI32("base", i32.add(lanes, i32.mul(f.lane, lane.bytes)));
    const sums = f.localI32("sums", i32.add(base, lane.sums));
    f.forRange(f.begin, f.end, 1, (item) => {
      const place = f.localI32("place", i32.div_u(item, rowBlocks));
      const row = f.localI32("row", i32.mul(i32.rem_u(item, rowBlocks), blockRows));
      const height = f.localI32("height", smaller(f, i32.sub(rows, row), blockRows));
      const channel = f.localI32("channel", i32.mul(i32.rem_u(place, blocks.depthBlocks), blocks.channels));
      const channelEnd = f.localI32(
        "channelEnd",
        smaller(f, i32.add(channel, blocks.channels), gather.channels),
      );
      const share = f.localI32("share", i32.div_u(place, blocks.depthBlocks));
      const first = f.localI32("first", i32.mul(share, chunk));
      f.fill(sums, 0, i32.mul(height, sumPitch(blocks)));
      f.forRange(first, smaller(f, i32.add(first, chunk), pixelBlocks), 1, (block) => {
        f.call(addBlock, images, grads, base, block, row, height, channel, channelEnd);
      });
      const line = i32.mul(i32.add(i32.mul(share, rows), row), 4 * depthOf(gather));
      const to = f.localI32("to", i32.add(i32.add(out, line), i32.mul(channel, 4 * taps)));
      f.call(write, to, sums, height, i32.mul(i32.sub(channelEnd, channel), taps));
    });
  });
}

/** `add(images, grads, lane, block, row, height, channel, channelEnd)`: adds one block of pixels to the sums. */
type AddBlock = Procedure<["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"]>;

function defineAddBlock(kernel: KernelBuilder, split: Split): AddBlock {
  const { gather, blocks, rows } = split;
  const lane = laneLayout(split), taps = gather.taps[0] * gather.taps[1];
  const plane = 4 * gather.rows * gather.columns;
  const fill = defineFillBlock(kernel, gather, blocks);
  const packGrads = definePackGrads(kernel, split), packWindows = definePackWindows(kernel, split);
  const multiply = defineMultiply(kernel, split);
  const parameters = Array(8).fill("i32") as unknown as AddBlock["parameters"];
  return kernel.procedure(
    "addBlock",
    parameters,
    (f, images, grads, base, block, first, height, channel, end) => {
      const line = f.localI32("line", i32.div_u(block, blocks.columnBlocks));
      const image = f.localI32("image", i32.div_u(line, blocks.rowBlocks));
      const row = f.localI32("row", i32.mul(i32.rem_u(line, blocks.rowBlocks), blocks.rows));
      const column = f.localI32("column", i32.mul(i32.rem_u(block, blocks.columnBlocks), blocks.columns));
      const valid = f.localI32(
        "valid",
        i32.mul(
          smaller(f, i32.sub(gather.rows, row), blocks.rows),
          smaller(f, i32.sub(gather.columns, column), blocks.columns),
        ),
      );
      const pixels = 4 * gather.channels * gather.height * gather.width;
      const from = i32.add(images, i32.mul(image, pixels));
      f.call(fill, base, i32.add(base, lane.stage), from, row, column, channel, end);
      const depth = f.localI32("depth", i32.mul(i32.sub(end, channel), taps));
      const panels = f.localI32("panels", i32.add(base, lane.panels));
      f.call(packWindows, panels, base, depth, valid);
      const packed = f.localI32("packed", i32.add(base, lane.grads));
      const position = i32.add(i32.mul(row, gather.columns), column);
      const start = i32.add(i32.mul(i32.add(i32.mul(image, rows), first), plane), i32.shl(position, 2));
      f.call(packGrads, packed, i32.add(grads, start), height, valid);
      f.call(multiply, packed, panels, i32.add(base, lane.sums), height, depth, valid);
    },
  );
}

/** `pack(to, from, lines, positions)`: some lines of a matrix whose rows are positions, as panels for the tile. */
type PackLines = Procedure<["i32", "i32", "i32", "i32"]>;

const PACK_PARAMETERS = ["i32", "i32", "i32", "i32"] as unknown as PackLines["parameters"];

function definePackGrads(kernel: KernelBuilder, { gather, blocks, rows }: Split): PackLines {
  const stride = 4 * gather.rows * gather.columns, rest = rows % TILE_ROWS;
  const pack = (width: number) => definePackA(kernel, { width, alongRows: true, stride });
  const whole = pack(TILE_ROWS), partial = rest > 0 ? pack(rest) : undefined;
  const bytes = gradPanel(blocks.rows * blocks.columns);
  return kernel.procedure("packGrads", PACK_PARAMETERS, (f, to, from, height, positions) => {
    f.forRange(TILE_ROWS, i32.add(height, 1), TILE_ROWS, () => {
      f.call(whole, to, from, positions);
      to.set(i32.add(to, bytes));
      from.set(i32.add(from, TILE_ROWS * stride));
    });
    if (partial) f.if(i32.rem_u(height, TILE_ROWS), () => f.call(partial, to, from, positions));
  });
}

/** The last panel of a block may read lines beyond it: their sums are never looked at. */
function definePackWindows(kernel: KernelBuilder, { blocks }: Split): PackLines {
  const pack = definePackB(kernel, { width: TILE_COLUMNS, alongRows: true, stride: blocks.pitch });
  const bytes = 4 * packedElements(TILE_COLUMNS, blocks.rows * blocks.columns);
  return kernel.procedure("packWindows", PACK_PARAMETERS, (f, to, from, depth, positions) => {
    f.forRange(0, depth, TILE_COLUMNS, () => {
      f.call(pack, to, from, positions);
      to.set(i32.add(to, bytes));
      from.set(i32.add(from, TILE_COLUMNS * blocks.pitch));
    });
  });
}

/** `multiply(grads, panels, sums, height, depth, positions)`: adds the product to the sums. */
type Multiply = Procedure<["i32", "i32", "i32", "i32", "i32", "i32"]>;

function defineMultiply(kernel: KernelBuilder, { blocks, rows }: Split): Multiply {
  const pitch = sumPitch(blocks), positions = blocks.rows * blocks.columns;
  const layout = { strideB: 4 * TILE_COLUMNS, strideC: pitch, lastColumns: TILE_COLUMNS };
  const rest = rows % TILE_ROWS, bytes = gradPanel(positions);
  const whole = defineTile(kernel, TILE_ROWS, layout);
  const partial = rest > 0 ? defineTile(kernel, rest, layout) : undefined;
  const parameters = Array(6).fill("i32") as unknown as Multiply["parameters"];
  return kernel.procedure("multiply", parameters, (f, grads, panels, sums, height, depth, count) => {
    const steps = f.localI32("steps", i32.and(i32.add(count, TILE_STEPS - 1), -TILE_STEPS));
    const wholeRows = f.localI32("wholeRows", i32.add(height, 1));
    f.forRange(0, depth, TILE_COLUMNS, () => {
      const a = f.localI32("a", grads), c = f.localI32("c", sums);
      const end = (rows: number): Expr<"i32"> => i32.add(a, i32.mul(steps, 4 * rows));
      f.forRange(TILE_ROWS, wholeRows, TILE_ROWS, () => {
        f.call(whole, a, end(TILE_ROWS), panels, c, c, pitch, 0);
        a.set(i32.add(a, bytes));
        c.set(i32.add(c, TILE_ROWS * pitch));
      });
      if (partial) {
        f.if(i32.rem_u(height, TILE_ROWS), () => f.call(partial, a, end(rest), panels, c, c, pitch, 0));
      }
      panels.set(i32.add(panels, 4 * packedElements(TILE_COLUMNS, positions)));
      sums.set(i32.add(sums, 4 * TILE_COLUMNS));
    });
  });
}

/** `write(to, sums, height, depth)`: the sums of a block to their rows. */
function defineWriteSums(kernel: KernelBuilder, { gather, blocks }: Split): PackLines {
  return kernel.procedure("writeSums", PACK_PARAMETERS, (f, to, sums, height, depth) => {
    f.forRange(0, height, 1, () => {
      f.copy(to, sums, i32.shl(depth, 2));
      to.set(i32.add(to, 4 * depthOf(gather)));
      sums.set(i32.add(sums, sumPitch(blocks)));
    });
  });
}
