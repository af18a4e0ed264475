import { f32, type Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  type FunctionBuilder,
  i32,
  i32x4,
  type Local,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { PoolGeometry } from "./geometry.ts";

/** Elements worth handing to another worker. */
const WORTHWHILE = 16_384;
/** Elements of a window's row up to which its loop is written out. */
const UNROLLED = 8;

/** Work items worth handing to another worker, each of `elements` elements. */
export function grainOf(elements: number): number {
  return Math.ceil(WORTHWHILE / Math.min(elements, WORTHWHILE));
}

/** One padded row of the image, and what vectors of columns read beyond its last window. */
export function rowScratch({ size, out, kernel, stride, padding }: PoolGeometry): Spec {
  const image = padding[1] + size[1];
  const windows = (4 * Math.ceil(out[1] / 4) - 1) * stride[1] + kernel[1];
  return f32(4 * Math.ceil(Math.max(image, windows) / 4) + 8);
}

/** The elements of window `o` in the image, along an axis, in two locals. */
export function spanOf(
  f: FunctionBuilder,
  { kernel, stride, padding, size }: PoolGeometry,
  axis: 0 | 1,
  o: Expr<"i32">,
): { readonly first: Local<"i32">; readonly end: Local<"i32"> } {
  const start = f.localI32("start", i32.sub(i32.mul(o, stride[axis]), padding[axis]));
  const stop = f.localI32("stop", i32.add(start, kernel[axis]));
  return {
    first: f.localI32("first", i32.select(i32.lt_s(start, 0), 0, start)),
    end: f.localI32("end", i32.select(i32.gt_s(stop, size[axis]), size[axis], stop)),
  };
}

/** Four elements of a row, `stride` apart; `offset` counts bytes. */
export function strided(
  f: FunctionBuilder,
  address: Expr<"i32">,
  offset: number,
  stride: number,
): Expr<"v128"> {
  const at = (step: number) => v128.load(address, offset + 16 * step);
  if (stride === 1) return at(0);
  if (stride === 2) return i32x4.shuffle(at(0), at(1), [0, 2, 4, 6]);
  const lanes = f.localV128("lanes", v128.load32_splat(address, offset));
  for (let lane = 1; lane < 4; lane++) {
    lanes.set(v128.load32_lane(address, lanes, lane, offset + 4 * stride * lane));
  }
  return lanes;
}

/** Runs `body` for each column of a window; short windows are written out. */
export function eachColumn(
  f: FunctionBuilder,
  { kernel: [, columns] }: PoolGeometry,
  body: (byte: Expr<"i32">, offset: number) => void,
): void {
  if (columns > UNROLLED) return f.forRange(0, 4 * columns, 4, (byte) => body(byte, 0));
  for (let column = 0; column < columns; column++) body(i32.const(0), 4 * column);
}
