import type { Spec } from "../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f32x4,
  i32,
  math,
  maxLanes,
  storePartial,
} from "../../engine/device/cpu/wasm/mod.ts";
import { sumLanes, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { foldRow, rowAddress, rowCall } from "../reduce/cpu_row.ts";
import { rowsOf } from "../reduce/rows.ts";

/** Three sweeps over a row in the first-level cache: maximum; exponentials and their sum; division. */
export function softmaxCpu([x]: readonly Spec[]): CpuPlan {
  const shape = rowsOf("softmax", x);
  const { width } = shape;
  const call = rowCall("softmax", shape, 2, (f, row, [from, to]) => {
    const source = rowAddress(f, from, row, width);
    const target = rowAddress(f, to, row, width);
    const load = (at: Expr<"i32">, offset: number) => v128.load(i32.add(source, at), offset);
    const folded = foldRow(f, width, -Infinity, f32x4.pmax, load);
    const largest = f.localV128("largest", f32x4.splat(maxLanes(f, folded)));
    const sum = foldRow(f, width, 0, f32x4.add, (at, offset, lanes) => {
      const value = math.exp(f, f32x4.sub(load(at, offset), largest));
      storePartial(f, i32.add(target, at), value, lanes, offset);
      return value;
    });
    const factor = f.localV128("factor", f32x4.splat(f32.div(1, sumLanes(f, sum))));
    f.forVectors(width, (at, offset, lanes) => {
      const address = i32.add(target, at);
      storePartial(f, address, f32x4.mul(v128.load(address, offset), factor), lanes, offset);
    });
  });
  return { calls: [call] };
}

/** Two sweeps over a row: the dot product of gradient and output, then the gradient. */
export function softmaxBackwardCpu([y]: readonly Spec[]): CpuPlan {
  const shape = rowsOf("softmax", y);
  const { width } = shape;
  const call = rowCall("softmax_backward", shape, 3, (f, row, pointers) => {
    const [output, grad, target] = pointers.map((pointer) => rowAddress(f, pointer, row, width));
    const products = foldRow(
      f,
      width,
      0,
      f32x4.add,
      (at, offset) => f32x4.mul(v128.load(i32.add(output, at), offset), v128.load(i32.add(grad, at), offset)),
    );
    const dot = f.localV128("dot", f32x4.splat(sumLanes(f, products)));
    f.forVectors(width, (at, offset, lanes) => {
      const difference = f32x4.sub(v128.load(i32.add(grad, at), offset), dot);
      const value = f32x4.mul(v128.load(i32.add(output, at), offset), difference);
      storePartial(f, i32.add(target, at), value, lanes, offset);
    });
  });
  return { calls: [call] };
}
