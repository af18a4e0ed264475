import { type Expr, type FunctionBuilder, i32, type Local } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall } from "../../engine/kernel.ts";

/** Elements that one set of f32 accumulators adds up; sums of more go through f64. */
export const CHUNK = 4096;

/** Elements worth handing to another worker. */
const WORTHWHILE = 16_384;

/** A call that has yet to be told its buffers. */
export type UnboundCall = Omit<CpuCall, "bindings">;

/** A row cut into blocks of one size, the last of which may be shorter. */
export interface Blocks {
  /** Elements of the row. */
  readonly width: number;
  /** Elements of a block. */
  readonly size: number;
  /** Blocks of the row. */
  readonly count: number;
  /** Elements of the last one. */
  readonly last: number;
}

/** Cuts a row of `width` elements into blocks of at most `size`. */
export function blocksOf(width: number, size: number): Blocks {
  const count = Math.ceil(width / size);
  return { width, size: Math.min(width, size), count, last: width - (count - 1) * size };
}

/** Work items worth handing to another worker, each of `elements` elements. */
export function grainOf(elements: number): number {
  return Math.ceil(WORTHWHILE / Math.min(elements, WORTHWHILE));
}

/** Where a work item lies: the number of its row, and its first element's byte from the start of the tensor. */
export interface Block {
  readonly row: Local<"i32">;
  readonly at: Local<"i32">;
}

/**
 * Takes the number of a block apart, and appends `body` for its length: once, or once for whole blocks and once for
 * last ones.
 */
export function withBlock(
  f: FunctionBuilder,
  item: Expr<"i32">,
  { width, size, count, last }: Blocks,
  body: (block: Block, length: number) => void,
): void {
  const row = f.localI32("row", count === 1 ? item : i32.div_u(item, count));
  const at = f.localI32("at", i32.mul(row, 4 * width));
  if (count === 1) return body({ row, at }, width);
  const inRow = f.localI32("inRow", i32.sub(item, i32.mul(row, count)));
  at.set(i32.add(at, i32.mul(inRow, 4 * size)));
  if (last === size) return body({ row, at }, size);
  f.if(i32.eq(inRow, count - 1), () => body({ row, at }, last), () => body({ row, at }, size));
}
