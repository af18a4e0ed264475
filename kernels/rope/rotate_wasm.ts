import {
  type CodeWriter,
  type Expr,
  f32x4,
  type FunctionBuilder,
  i32,
  i32x4,
  type Local,
  storePartial,
  v128,
} from "../../engine/device/cpu/wasm/mod.ts";
import type { RopeAttrs } from "./kernel.ts";

/** Addresses of one head of one token, and of its row of the table. */
export interface RotatedRow {
  readonly from: Local<"i32">;
  /** May equal `from`. */
  readonly to: Local<"i32">;
  readonly cos: Local<"i32">;
  readonly sin: Local<"i32">;
}

/**
 * Writes code that rotates one head, as `rotateHead` of the reference defines it.
 *
 * @param headDim channels, even
 */
export function rotateRow(f: FunctionBuilder, row: RotatedRow, headDim: number, attrs: RopeAttrs): void {
  if (attrs.block === 2) rotateNeighbours(f, row, headDim, attrs.inverse);
  else rotateHalves(f, row, headDim, attrs);
}

/** The partner of every lane is the lane beside it. */
function rotateNeighbours(f: FunctionBuilder, row: RotatedRow, headDim: number, inverse: boolean): void {
  const signs = inverse ? f.f32x4(1, -1, 1, -1) : f.f32x4(-1, 1, -1, 1);
  f.forVectors(headDim, (at, offset, lanes) => {
    const load = (address: Local<"i32">) => f.localV128("v", v128.load(i32.add(address, at), offset));
    const x = load(row.from);
    const sin = load(row.sin);
    const share = f32x4.mul(swapNeighbours(x), inverse ? swapNeighbours(sin) : sin);
    const turned = f.localV128("turned", f32x4.mul(x, load(row.cos)));
    turned.set(f32x4.relaxed_madd(share, signs, turned));
    storePartial(f, i32.add(row.to, at), turned, lanes, offset);
  });
}

function swapNeighbours(v: Expr<"v128">): Expr<"v128"> {
  return i32x4.shuffle(v, v, [1, 0, 3, 2]);
}

/** The partners of four neighbouring lanes are four neighbouring lanes, half a block further. */
function rotateHalves(
  f: FunctionBuilder,
  row: RotatedRow,
  headDim: number,
  { block, inverse }: RopeAttrs,
): void {
  const half = block / 2;
  for (let start = 0; start < headDim; start += block) {
    f.forVectors(half, (at, offset, lanes) => {
      const first = offset + 4 * start;
      const second = first + 4 * half;
      const x1 = loadAt(f, row.from, at, first);
      const x2 = loadAt(f, row.from, at, second);
      const sin1 = loadAt(f, row.sin, at, first);
      const sin2 = loadAt(f, row.sin, at, second);
      const y1 = f.localV128("y1", f32x4.mul(x1, loadAt(f, row.cos, at, first)));
      const y2 = f.localV128("y2", f32x4.mul(x2, loadAt(f, row.cos, at, second)));
      y1.set(inverse ? f32x4.relaxed_madd(x2, sin2, y1) : f32x4.relaxed_nmadd(x2, sin1, y1));
      y2.set(inverse ? f32x4.relaxed_nmadd(x1, sin1, y2) : f32x4.relaxed_madd(x1, sin2, y2));
      storePartial(f, i32.add(row.to, at), y1, lanes, first);
      storePartial(f, i32.add(row.to, at), y2, lanes, second);
    });
  }
}

function loadAt(f: CodeWriter, address: Local<"i32">, at: Expr<"i32">, offset: number): Local<"v128"> {
  return f.localV128("v", v128.load(i32.add(address, at), offset));
}
