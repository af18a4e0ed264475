import {
  type Expr,
  type FunctionBuilder,
  i32,
  i32x4,
  type KernelBuilder,
  type Local,
  type Operand,
  type Procedure,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import { TILE_STEPS } from "../matmul/cpu_tile.ts";
import type { GatherBlocks } from "./cpu_blocks.ts";
import type { Gather } from "./product.ts";

/**
 * `fill(to, stage, image, row, column, channel, channelEnd)`: the rows k of channels `[channel, channelEnd)` of a block
 * whose first position is (row, column), one row of positions for each k, and zeros to whole rounds of k below them.
 */
export type FillBlock = Procedure<["i32", "i32", "i32", "i32", "i32", "i32", "i32"]>;

const PARAMETERS = ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] as unknown as FillBlock["parameters"];

/** `stage(to, plane, row, column)`: the part of one channel that a block sees, zeros around it. */
type StageChannel = Procedure<["i32", "i32", "i32", "i32"]>;

/** `copy(to, from)`: all rows of a block for one tap. */
type CopyTap = Procedure<["i32", "i32"]>;

/** Defines what writes a block of the implicit matrix, as `[k][position]`. */
export function defineFillBlock(kernel: KernelBuilder, gather: Gather, blocks: GatherBlocks): FillBlock {
  const plane = 4 * gather.height * gather.width, { pitch } = blocks;
  const writeChannel = blocks.direct ? defineCopy(gather, blocks) : defineTaps(kernel, gather, blocks);
  return kernel.procedure("fillBlock", PARAMETERS, (f, to, stage, image, row, column, channel, end) => {
    const from = f.localI32("from", i32.add(image, i32.mul(channel, plane)));
    const taps = gather.taps[0] * gather.taps[1];
    const rest = f.localI32("rest", i32.and(i32.mul(i32.sub(channel, end), taps), TILE_STEPS - 1));
    f.forRange(channel, end, 1, () => {
      writeChannel(f, { to, stage, from, row, column });
      from.set(i32.add(from, plane));
      to.set(i32.add(to, taps * pitch));
    });
    f.forRange(0, rest, 1, () => {
      zero(f, to, pitch);
      to.set(i32.add(to, pitch));
    });
  });
}

type WriteChannel = (
  f: FunctionBuilder,
  locals: Readonly<Record<"to" | "stage" | "from" | "row" | "column", Local<"i32">>>,
) => void;

/** A channel of an image that is one long row. */
function defineCopy({ columns }: Gather, blocks: GatherBlocks): WriteChannel {
  return (f, { to, from, column }) => {
    const left = f.localI32("left", i32.sub(columns, column));
    const count = i32.select(i32.lt_s(left, blocks.columns), left, blocks.columns);
    const source = f.localI32("source", i32.add(from, i32.shl(column, 2)));
    copyRow(f, to, source, i32.shl(count, 2), 1);
  };
}

function defineTaps(kernel: KernelBuilder, gather: Gather, blocks: GatherBlocks): WriteChannel {
  const stageChannel = defineStage(kernel, gather, blocks), copyTap = defineCopyTap(kernel, gather, blocks);
  const { taps: [tapRows, tapColumns], stride: [, step] } = gather;
  const { pitch, stage: { phases, rows, pitch: stagePitch } } = blocks;
  return (f, { to, stage, from, row, column }) => {
    f.call(stageChannel, stage, from, row, column);
    f.forRange(0, tapRows, 1, (i) => {
      for (let phase = 0; phase < phases; phase++) {
        const line = i32.add(stage, i32.mul(i, 4 * stagePitch));
        const source = f.localI32("source", i32.add(line, 4 * phase * rows * stagePitch));
        const k = i32.add(i32.mul(i, tapColumns), phase);
        const target = f.localI32("target", i32.add(to, i32.mul(k, pitch)));
        f.forRange(0, Math.ceil((tapColumns - phase) / step), 1, () => {
          f.call(copyTap, target, source);
          source.set(i32.add(source, 4));
          target.set(i32.add(target, step * pitch));
        });
      }
    });
  };
}

/** Rows are copied in ascending order and in whole vectors: what one writes beyond its end, the next overwrites. */
function defineCopyTap(
  kernel: KernelBuilder,
  { stride }: Gather,
  { rows, columns, stage }: GatherBlocks,
): CopyTap {
  return kernel.procedure("copyTap", ["i32", "i32"] as ["i32", "i32"], (f, to, from) => {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column += 4) {
        const value = v128.load(from, 4 * (row * stride[0] * stage.pitch + column));
        f.storeV128(to, value, 4 * (row * columns + column));
      }
    }
  });
}

function defineStage(kernel: KernelBuilder, gather: Gather, blocks: GatherBlocks): StageChannel {
  const { height, width, stride, origin } = gather;
  const { stage: { phases, rows, pitch } } = blocks;
  const parameters = ["i32", "i32", "i32", "i32"] as ["i32", "i32", "i32", "i32"];
  return kernel.procedure("stageChannel", parameters, (f, to, plane, row, column) => {
    const y = f.localI32("y", i32.add(i32.mul(row, stride[0]), origin[0]));
    const from = f.localI32("from", i32.add(plane, i32.mul(y, 4 * width)));
    const runs = Array.from({ length: phases }, (_, phase) => runOf(f, gather, blocks, column, phase));
    f.forRange(0, rows, 1, () => {
      runs.forEach((run, phase) => {
        const line = f.localI32("line", i32.add(to, 4 * phase * rows * pitch));
        f.if(
          i32.lt_u(y, height),
          () => writeRun(f, line, from, run, stride[1], pitch),
          () => zero(f, line, 4 * pitch),
        );
      });
      to.set(i32.add(to, 4 * pitch));
      from.set(i32.add(from, 4 * width));
      y.set(i32.add(y, 1));
    });
  });
}

/** The part `[first, end)` of a stage's row that lies in the image, and its first pixel's column; all in bytes. */
interface Run {
  readonly first: Operand<"i32">;
  readonly end: Operand<"i32">;
  readonly pixel: Operand<"i32">;
}

/** Where a block holds whole rows, all of it is known when the code is generated. */
function runOf(
  f: FunctionBuilder,
  { width, stride: [, step], origin }: Gather,
  { columnBlocks, stage: { pitch } }: GatherBlocks,
  column: Local<"i32">,
  phase: number,
): Run {
  const most = pitch - 4;
  if (columnBlocks === 1) {
    const start = origin[1] + phase;
    const first = Math.min(most, Math.max(0, Math.ceil(-start / step)));
    const end = Math.max(first, Math.min(most, Math.ceil((width - start) / step)));
    return { first: 4 * first, end: 4 * end, pixel: 4 * (start + first * step) };
  }
  const start = f.localI32("start", i32.add(i32.mul(column, step), origin[1] + phase));
  const first = f.localI32("first", positions(f, i32.sub(0, start), step, most));
  const last = f.localI32("last", positions(f, i32.sub(width, start), step, most));
  return {
    first: f.localI32("firstByte", i32.shl(first, 2)),
    end: f.localI32("endByte", i32.shl(i32.select(i32.lt_s(first, last), last, first), 2)),
    pixel: f.localI32("pixel", i32.shl(i32.add(start, i32.mul(first, step)), 2)),
  };
}

/** Positions that it takes to cover `pixels`, from 0 to `most`. */
function positions(f: FunctionBuilder, pixels: Expr<"i32">, step: number, most: number): Expr<"i32"> {
  const count = f.localI32("count", pixels);
  count.set(i32.select(i32.gt_s(count, 0), i32.div_u(i32.add(count, step - 1), step), 0));
  return i32.select(i32.lt_s(count, most), count, most);
}

/** Zeros, pixels, zeros: each overwrites what the one before has written beyond its end; none leaves the row. */
function writeRun(
  f: FunctionBuilder,
  to: Local<"i32">,
  line: Local<"i32">,
  { first, end, pixel }: Run,
  step: number,
  pitch: number,
): void {
  zero(f, to, first);
  const source = f.localI32("source", i32.add(line, pixel));
  copyRow(f, i32.add(to, first), source, i32.sub(end, first), step);
  zero(f, i32.add(to, end), i32.sub(4 * pitch - 12, end));
}

/** Copies every `step`-th element, `bytes` in all, and up to 12 bytes more; moves `from`. */
function copyRow(
  f: FunctionBuilder,
  to: Expr<"i32">,
  from: Local<"i32">,
  bytes: Operand<"i32">,
  step: number,
): void {
  const target = f.localI32("target", to);
  const width = step > 2 ? 4 : 16;
  f.forAddress(target, i32.add(target, bytes), width, (at) => {
    if (step > 2) f.storeI32(at, i32.load(from));
    else f.storeV128(at, step === 1 ? v128.load(from) : evenLanes(from));
    from.set(i32.add(from, width * step));
  });
}

function evenLanes(from: Local<"i32">): Expr<"v128"> {
  return i32x4.shuffle(v128.load(from), v128.load(from, 16), [0, 2, 4, 6]);
}

/** Sets `bytes` bytes, and up to 12 more, to 0. */
function zero(f: FunctionBuilder, to: Operand<"i32">, bytes: Operand<"i32">): void {
  const start = f.localI32("zeros", to);
  f.forAddress(start, i32.add(start, bytes), 16, (at) => f.storeV128(at, f.i32x4(0)));
}
