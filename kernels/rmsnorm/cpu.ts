import type { Spec } from "../../engine/core/spec.ts";
import { type Expr, f32, f32x4, type FunctionBuilder, i32 } from "../../engine/device/cpu/wasm/mod.ts";
import { type Local, storePartial, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { meanOfRow, rowAddress, rowCall, type RowStep } from "../reduce/cpu_row.ts";
import { rowsOf } from "../reduce/rows.ts";
import type { RmsNormAttrs } from "./mod.ts";

/** Code for `1 / sqrt(mean(x^2) + eps)` of a row. */
function writeScale(f: FunctionBuilder, source: Expr<"i32">, width: number, eps: number): Local<"f32"> {
  const squares = meanOfRow(f, width, (at, offset) => {
    const value = f.localV128("value", v128.load(i32.add(source, at), offset));
    return f32x4.mul(value, value);
  });
  return f.localF32("scale", f32.div(1, f32.sqrt(f32.add(squares, eps))));
}

/** One work item a row, in two sweeps. */
export function rmsnormCpu([x]: readonly Spec[], { eps }: RmsNormAttrs): CpuPlan {
  const shape = rowsOf("rmsnorm", x);
  const { width } = shape;
  const call = rowCall(`rmsnorm ${eps}`, shape, 3, (f, row, [from, weight, to]) => {
    const source = rowAddress(f, from, row, width);
    const target = rowAddress(f, to, row, width);
    const scale = f.localV128("factor", f32x4.splat(writeScale(f, source, width, eps)));
    f.forVectors(width, (at, offset, lanes) => {
      const normal = f32x4.mul(v128.load(i32.add(source, at), offset), scale);
      const value = f32x4.mul(normal, v128.load(i32.add(weight, at), offset));
      storePartial(f, i32.add(target, at), value, lanes, offset);
    });
  });
  return { calls: [call] };
}

/** One work item a row, in three sweeps: scale, the gradient's part along the row, the gradient of the input. */
export function rmsnormBackwardCpu(inputs: readonly Spec[], { eps }: RmsNormAttrs): CpuPlan {
  const shape = rowsOf("rmsnorm_backward", inputs[1]);
  const { width } = shape;
  const call = rowCall(`rmsnorm_backward ${eps}`, shape, 5, (f, row, pointers) => {
    const [grad, source] = pointers.slice(0, 2).map((pointer) => rowAddress(f, pointer, row, width));
    const target = rowAddress(f, pointers[3], row, width);
    const scale = writeScale(f, source, width, eps);
    const factor = f.localV128("factor", f32x4.splat(scale));
    const normal: RowStep<Expr<"v128">> = (at, offset) =>
      f32x4.mul(v128.load(i32.add(source, at), offset), factor);
    const weighted: RowStep<Expr<"v128">> = (at, offset) =>
      f32x4.mul(v128.load(i32.add(grad, at), offset), v128.load(i32.add(pointers[2], at), offset));
    const along = meanOfRow(f, width, (...step) => f32x4.mul(weighted(...step), normal(...step)));
    const alongVector = f.localV128("along", f32x4.splat(along));
    f.forVectors(width, (at, offset, lanes) => {
      const part = f32x4.mul(normal(at, offset, lanes), alongVector);
      const value = f32x4.mul(f32x4.sub(weighted(at, offset, lanes), part), factor);
      storePartial(f, i32.add(target, at), value, lanes, offset);
    });
    f.storeF32(i32.add(pointers[4], i32.shl(row, 2)), scale);
  });
  return { calls: [call] };
}
