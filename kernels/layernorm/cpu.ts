import type { Spec } from "../../engine/core/spec.ts";
import { type Expr, f32, f32x4, type FunctionBuilder, i32 } from "../../engine/device/cpu/wasm/mod.ts";
import { type Local, storePartial, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../engine/kernel.ts";
import { meanOfRow, rowAddress, rowCall, type RowStep } from "../reduce/cpu_row.ts";
import { rowsOf } from "../reduce/rows.ts";
import type { LayerNormAttrs } from "./kernel.ts";

type Vector = Expr<"v128">;

/** A row's statistics: its mean in two parts, and `1 / sqrt(variance + eps)`. */
export interface Statistics {
  readonly mean: Local<"f32">;
  /** What rounding left out of `mean`. */
  readonly rest: Local<"f32">;
  readonly scale: Local<"f32">;
  /** Four elements of the normalised row. */
  readonly normal: RowStep<Vector>;
}

/**
 * Two passes: the mean, then the means of d = x - mean and of d * d. The mean of d is what rounding left in the mean,
 * and corrects both; mean(x^2) - mean^2 would lose all digits where the mean is large.
 */
export function writeStatistics(
  f: FunctionBuilder,
  source: Expr<"i32">,
  width: number,
  eps: number,
): Statistics {
  const load: RowStep<Vector> = (at, offset) => v128.load(i32.add(source, at), offset);
  const mean = meanOfRow(f, width, load);
  const centre = f.localV128("centre", f32x4.splat(mean));
  const deviation: RowStep<Vector> = (at, offset, lanes) => f32x4.sub(load(at, offset, lanes), centre);
  const rest = meanOfRow(f, width, deviation);
  const squares = meanOfRow(f, width, (at, offset, lanes) => {
    const d = f.localV128("d", deviation(at, offset, lanes));
    return f32x4.mul(d, d);
  });
  const variance = f32.max(f32.sub(squares, f32.mul(rest, rest)), 0);
  const scale = f.localF32("scale", f32.div(1, f32.sqrt(f32.add(variance, eps))));
  const restVector = f.localV128("restVector", f32x4.splat(rest));
  const scaleVector = f.localV128("scaleVector", f32x4.splat(scale));
  const normal: RowStep<Vector> = (at, offset, lanes) =>
    f32x4.mul(f32x4.sub(deviation(at, offset, lanes), restVector), scaleVector);
  return { mean, rest, scale, normal };
}

/** One work item a row; the row stays in the first-level cache between the sweeps. */
export function layernormCpu([x]: readonly Spec[], { eps, affine }: LayerNormAttrs): CpuPlan {
  const shape = rowsOf("layernorm", x);
  const { width } = shape;
  const slots = affine ? 4 : 2;
  const call = rowCall(`layernorm ${eps} ${affine}`, shape, slots, (f, row, pointers) => {
    const source = rowAddress(f, pointers[0], row, width);
    const target = rowAddress(f, pointers[slots - 1], row, width);
    const { normal } = writeStatistics(f, source, width, eps);
    f.forVectors(width, (at, offset, lanes) => {
      const value = normal(at, offset, lanes);
      const vector = (slot: number) => v128.load(i32.add(pointers[slot], at), offset);
      const result = affine ? f32x4.add(f32x4.mul(value, vector(1)), vector(2)) : value;
      storePartial(f, i32.add(target, at), result, lanes, offset);
    });
  });
  return { calls: [call] };
}

/** One work item a row: statistics again, the two means of the gradient, the gradient of the input. */
export function layernormBackwardCpu(inputs: readonly Spec[], { eps, affine }: LayerNormAttrs): CpuPlan {
  const shape = rowsOf("layernorm_backward", inputs[1]);
  const { width } = shape;
  const slots = affine ? 6 : 5;
  const call = rowCall(`layernorm_backward ${eps} ${affine}`, shape, slots, (f, row, pointers) => {
    const [dxPointer, meanPointer, scalePointer] = pointers.slice(slots - 3);
    const grad = rowAddress(f, pointers[0], row, width);
    const target = rowAddress(f, dxPointer, row, width);
    const statistics = writeStatistics(f, rowAddress(f, pointers[1], row, width), width, eps);
    const { mean, rest, scale, normal } = statistics;
    const weighted: RowStep<Vector> = (at, offset) => {
      const g = v128.load(i32.add(grad, at), offset);
      return affine ? f32x4.mul(g, v128.load(i32.add(pointers[2], at), offset)) : g;
    };
    const meanH = f.localV128("meanH", f32x4.splat(meanOfRow(f, width, weighted)));
    const product: RowStep<Vector> = (at, offset, lanes) =>
      f32x4.mul(weighted(at, offset, lanes), normal(at, offset, lanes));
    const meanHn = f.localV128("meanHn", f32x4.splat(meanOfRow(f, width, product)));
    const factor = f.localV128("factor", f32x4.splat(scale));
    f.forVectors(width, (at, offset, lanes) => {
      const centred = f32x4.sub(weighted(at, offset, lanes), meanH);
      const value = f32x4.sub(centred, f32x4.mul(normal(at, offset, lanes), meanHn));
      storePartial(f, i32.add(target, at), f32x4.mul(value, factor), lanes, offset);
    });
    f.storeF32(i32.add(meanPointer, i32.shl(row, 2)), f32.add(mean, rest));
    f.storeF32(i32.add(scalePointer, i32.shl(row, 2)), scale);
  });
  return { calls: [call] };
}
