import {
  type Expr,
  f32,
  f32x4,
  type FunctionBuilder,
  i32,
  keepLanes,
} from "../../engine/device/cpu/wasm/mod.ts";
import { type KernelBuilder, kernelModule, type Local, sumLanes } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall } from "../../engine/kernel.ts";
import type { Rows } from "./rows.ts";

type Vector = Expr<"v128">;
/** Four elements of a row: at byte `at + offset`, `lanes` of them valid. */
export type RowStep<R> = (at: Expr<"i32">, offset: number, lanes: number) => R;

/** Accumulators of four lanes: enough to hide the latency of an addition. */
const ACCUMULATORS = 4;
/** Elements worth handing to another worker. */
const WORTHWHILE = 16_384;

/** A call whose work items are rows. `write` appends the code of one row, given the row's number. */
export function rowCall(
  key: string,
  { rows, width }: Rows,
  slots: number,
  write: (f: KernelBuilder, row: Local<"i32">, pointers: readonly Local<"i32">[]) => void,
): CpuCall {
  return {
    key: `${key} ${width}`,
    build: () =>
      kernelModule((f) => {
        const pointers = f.pointers(slots);
        f.forRange(f.begin, f.end, 1, (row) => write(f, row, pointers));
      }),
    bindings: Array.from({ length: slots }, (_, slot) => slot),
    range: rows,
    grain: Math.ceil(WORTHWHILE / Math.min(width, WORTHWHILE)),
  };
}

/** The address of row `row` of `width` 4-byte elements, in a local. */
export function rowAddress(
  f: FunctionBuilder,
  pointer: Expr<"i32">,
  row: Expr<"i32">,
  width: number,
): Local<"i32"> {
  return f.localI32("address", i32.add(pointer, i32.mul(row, 4 * width)));
}

/** Combines the terms of a row in a fixed order, into four lanes; `initial` fills the lanes beyond the row's end. */
export function foldRow(
  f: FunctionBuilder,
  width: number,
  initial: number,
  combine: (a: Vector, b: Vector) => Vector,
  term: RowStep<Vector>,
): Local<"v128"> {
  const parts = Array.from({ length: ACCUMULATORS }, (_, k) => f.localV128(`part${k}`));
  for (const part of parts) part.set(f.f32x4(initial));
  f.forVectors(width, (at, offset, lanes, slot) => {
    parts[slot].set(combine(parts[slot], keepLanes(f, term(at, offset, lanes), lanes, initial)));
  }, ACCUMULATORS);
  return f.localV128("folded", combine(combine(parts[0], parts[1]), combine(parts[2], parts[3])));
}

/** The mean of a row's terms, in an `f32` local. */
export function meanOfRow(f: FunctionBuilder, width: number, term: RowStep<Vector>): Local<"f32"> {
  const sum = sumLanes(f, foldRow(f, width, 0, f32x4.add, term));
  return f.localF32("mean", f32.div(sum, width));
}
