import { f32, type Spec } from "../../engine/core/spec.ts";
import { type Expr, f32x4, i32, type KernelBuilder } from "../../engine/device/cpu/wasm/mod.ts";
import { storePartial, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import { byteOffsets, VectorExpression } from "../expression/cpu.ts";
import type { Expression } from "../expression/expression.ts";
import type { Axis } from "../expression/layout.ts";
import type { ReduceAxes } from "./axes.ts";

/** Columns of one work item: their accumulators stay in the first-level cache. */
export const COLUMN_TILE = 1024;
/** Rows read at a time, so that an accumulator is loaded and stored once for all of them. */
const ROWS = 4;
/** Elements of one work item, about, and the rows it may have. */
const CHUNK = 65536;
const FEWEST_ROWS = 64;
const MOST_ROWS = 1024;
/** Work items from which on there is work for all without cutting sums into chunks. */
const ENOUGH = 16;

/** The loops of a reduction whose innermost loop is kept: rows of `size` columns are added up. */
export interface ColumnLoops {
  readonly operands: number;
  /** Kept loops around the innermost one. */
  readonly outer: readonly Axis[];
  readonly summed: readonly Axis[];
  /** Stride of every operand in the innermost loop. */
  readonly strides: readonly number[];
  readonly size: number;
  readonly tiles: number;
  readonly outputs: number;
  /** Rows of a sum, of a chunk, and chunks of a sum. */
  readonly rows: number;
  readonly chunk: number;
  readonly chunks: number;
}

/** Decides how sums are cut, by shape alone. */
export function columnLoops({ kept, summed, outputs, terms }: ReduceAxes, operands: number): ColumnLoops {
  const { size, strides } = kept[kept.length - 1];
  const tiles = Math.ceil(size / COLUMN_TILE);
  const few = (outputs / size) * tiles < ENOUGH;
  const byWork = Math.ceil(CHUNK / Math.min(size, COLUMN_TILE));
  const chunk = few ? Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, byWork)) : MOST_ROWS;
  const chunks = Math.ceil(terms / chunk);
  return {
    operands,
    outer: kept.slice(0, -1),
    summed,
    strides,
    size,
    tiles,
    outputs,
    rows: terms,
    chunk,
    chunks,
  };
}

/** The accumulators of one worker: `f32[columns of a tile]`, rounded up to whole vectors. */
export function columnScratch({ size }: ColumnLoops): Spec {
  return f32(16 * Math.ceil(Math.min(size, COLUMN_TILE) / 16));
}

/** Where an item is: its tile of columns, its chunk of rows, its place among the outer kept loops. */
interface Item {
  readonly tile: Expr<"i32">;
  readonly chunk: Expr<"i32">;
  readonly outer: Expr<"i32">;
  /** Bytes of its columns, in whole vectors. */
  readonly bytes: Expr<"i32">;
  readonly accumulators: Expr<"i32">;
}

/** A work item is one chunk of one tile of columns; bindings are the inputs, the output, the accumulators. */
export function writeColumns(f: KernelBuilder, root: Expression, loops: ColumnLoops, scale: number): void {
  const { operands, chunk, rows, chunks } = loops;
  const pointers = f.pointers(operands + 2);
  const scratchBytes = 4 * columnScratch(loops).shape[0];
  const accumulators = f.localI32(
    "accumulators",
    i32.add(pointers[operands + 1], i32.mul(f.lane, scratchBytes)),
  );
  const codes = Array.from(
    { length: ROWS },
    () => new VectorExpression(f, [root], (index) => loops.strides[index] > 0),
  );
  f.forRange(f.begin, f.end, 1, (index) => {
    const item = locate(f, index, loops, accumulators);
    const kept = byteOffsets(f, loops.outer, operands + 1, item.outer);
    const bases = kept.slice(0, operands).map((offset, i) => {
      const base = i32.add(pointers[i], offset);
      return f.localI32(
        "base",
        loops.strides[i] > 0 ? i32.add(base, i32.mul(item.tile, 4 * COLUMN_TILE)) : base,
      );
    });
    f.fill(accumulators, 0, item.bytes);
    const first = f.localI32("first", i32.mul(item.chunk, chunk));
    const next = f.localI32("next", i32.add(first, chunk));
    const last = f.localI32(
      "last",
      chunks === 1 ? i32.const(rows) : i32.select(i32.lt_u(next, rows), next, rows),
    );
    const whole = f.localI32("whole", i32.sub(last, i32.rem_u(i32.sub(last, first), ROWS)));
    f.forRange(first, whole, ROWS, (row) => addRows(f, codes, loops, item, bases, row));
    f.forRange(whole, last, 1, (row) => addRows(f, codes.slice(0, 1), loops, item, bases, row));
    writeSums(f, loops, item, pointers[operands], scale);
  });
}

function locate(
  f: KernelBuilder,
  index: Expr<"i32">,
  { tiles, size, outputs, chunks }: ColumnLoops,
  accumulators: Expr<"i32">,
): Item {
  const zero = i32.const(0);
  const tile = tiles === 1 ? zero : f.localI32("tile", i32.rem_u(index, tiles));
  const rest = tiles === 1 ? index : f.localI32("rest", i32.div_u(index, tiles));
  const outers = outputs / size;
  const outer = outers === 1 ? zero : f.localI32("outer", i32.rem_u(rest, outers));
  const chunk = chunks === 1 ? zero : f.localI32("chunk", i32.div_u(rest, outers));
  const rowBytes = 16 * Math.ceil(size / 4);
  const left = f.localI32("left", i32.sub(rowBytes, i32.mul(tile, 4 * COLUMN_TILE)));
  const bytes = tiles === 1
    ? i32.const(rowBytes)
    : f.localI32("bytes", i32.select(i32.lt_u(left, 4 * COLUMN_TILE), left, 4 * COLUMN_TILE));
  return { tile, chunk, outer, bytes, accumulators };
}

/** Adds as many rows as there are codes, from `row` on, to the accumulators. */
function addRows(
  f: KernelBuilder,
  codes: readonly VectorExpression[],
  { operands, summed }: ColumnLoops,
  { bytes, accumulators }: Item,
  bases: readonly Expr<"i32">[],
  row: Expr<"i32">,
): void {
  const addresses = codes.map((code, k) => {
    const offsets = byteOffsets(f, summed, operands + 1, k === 0 ? row : f.localI32("row", i32.add(row, k)));
    const own = bases.map((base, i) => f.localI32("address", i32.add(base, offsets[i])));
    code.prepare((index) => v128.load32_splat(own[index]));
    return own;
  });
  f.forRange(0, bytes, 16, (at) => {
    const values = codes.map((code, k) =>
      code.compute((index) => v128.load(i32.add(addresses[k][index], at)))[0]
    );
    const address = f.localI32("accumulator", i32.add(accumulators, at));
    const sum = values.length === 1
      ? values[0]
      : f32x4.add(f32x4.add(values[0], values[1]), f32x4.add(values[2], values[3]));
    f.storeV128(address, f32x4.add(v128.load(address), sum));
  });
}

/** Copies a tile's sums to the output, row `chunk` of `f32[chunks, outputs]`, and no byte beyond them. */
function writeSums(
  f: KernelBuilder,
  { size, tiles, outputs }: ColumnLoops,
  { tile, chunk, outer, bytes, accumulators }: Item,
  out: Expr<"i32">,
  scale: number,
): void {
  const position = i32.add(i32.mul(chunk, 4 * outputs), i32.mul(outer, 4 * size));
  const target = f.localI32("target", i32.add(i32.add(out, position), i32.mul(tile, 4 * COLUMN_TILE)));
  const scaled = (at: Expr<"i32">) => f32x4.mul(v128.load(i32.add(accumulators, at)), f.f32x4(scale));
  const tail = size % 4;
  const isLast = tail === 0 ? i32.const(0) : tiles === 1 ? i32.const(1) : i32.eq(tile, tiles - 1);
  const whole = f.localI32("whole", i32.sub(bytes, i32.mul(isLast, 16)));
  f.forRange(0, whole, 16, (at) => f.storeV128(i32.add(target, at), scaled(at)));
  if (tail > 0) f.if(isLast, () => storePartial(f, i32.add(target, whole), scaled(whole), tail));
}
