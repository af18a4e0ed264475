/**
 * Work across the four lanes of a vector: sums, maxima, and rows whose length is not a multiple of four.
 *
 * @module
 */
import type { CodeWriter } from "./code_writer.ts";
import { f32x4, i32x4, v128 } from "./simd.ts";
import type { Expr, Operand } from "./types.ts";

/** `(v0 + v2) + (v1 + v3)`, always in this order. */
export function sumLanes(f: CodeWriter, v: Expr<"v128">): Expr<"f32"> {
  return f32x4.extract_lane(foldLanes(f, v, f32x4.add), 0);
}

/** The largest of the four lanes; a NaN lane may be lost. */
export function maxLanes(f: CodeWriter, v: Expr<"v128">): Expr<"f32"> {
  return f32x4.extract_lane(foldLanes(f, v, f32x4.pmax), 0);
}

/** Keeps the first `count` lanes and sets the others to `fill`: 0 before a sum, -Infinity before a maximum. */
export function keepLanes(f: CodeWriter, v: Expr<"v128">, count: number, fill: number): Expr<"v128"> {
  checkCount(count);
  if (count === 4) return v;
  const mask = f.i32x4(...[0, 1, 2, 3].map((lane) => lane < count ? -1 : 0));
  return Object.is(fill, 0) ? v128.and(v, mask) : v128.bitselect(v, f.f32x4(fill), mask);
}

/** Stores the first `count` (1 to 4) lanes and touches no byte beyond them. */
export function storePartial(
  f: CodeWriter,
  address: Operand<"i32">,
  v: Expr<"v128">,
  count: number,
  offset = 0,
): void {
  checkCount(count);
  if (count === 4) return f.storeV128(address, v, offset);
  if (count === 1) return f.storeLane32(address, v, 0, offset);
  const value = count === 3 ? inLocal(f, v) : v;
  f.storeLane64(address, value, 0, offset);
  if (count === 3) f.storeLane32(address, value, 2, offset + 8);
}

/** Combines lanes 0, 2 and 1, 3, then the two results, into lane 0. */
function foldLanes(
  f: CodeWriter,
  v: Expr<"v128">,
  combine: (a: Expr<"v128">, b: Expr<"v128">) => Expr<"v128">,
): Expr<"v128"> {
  const all = inLocal(f, v);
  const half = f.localV128("half", combine(all, i32x4.shuffle(all, all, [2, 3, 2, 3])));
  return combine(half, i32x4.shuffle(half, half, [1, 1, 1, 1]));
}

function inLocal(f: CodeWriter, v: Expr<"v128">): Expr<"v128"> {
  return v.owner ? v : f.localV128("lanes", v);
}

function checkCount(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= 4) return;
  throw new RangeError(`Cannot handle ${count} lanes: a whole number from 1 to 4 is wanted`);
}
