/**
 * Layer normalisation over the last axis.
 *
 * @module
 */
import type { Float } from "../../engine/core/dtype.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { LAYERNORM } from "./kernel.ts";

export { LAYERNORM, LAYERNORM_BACKWARD, LAYERNORM_WEIGHT_BACKWARD, type LayerNormAttrs } from "./kernel.ts";

/**
 * `(x - mean) / sqrt(variance + eps)` along the last axis, then `* weight + bias` where given (Ba, Kiros and Hinton,
 * 2016). The variance is that of the population: divided by D.
 *
 * @param x `f32[.., D]`
 * @param weight `f32[D]`, together with `bias`
 * @param bias `f32[D]`, together with `weight`
 * @param out dtype of the result; that of `x` unless given
 * @returns `f32[.., D]`
 * @throws {ShapeError} when a shape differs, or one of weight and bias is missing
 */
export function layernorm(x: Tensor, weight?: Tensor, bias?: Tensor, eps = 1e-6, out?: Float): Tensor {
  if (!weight !== !bias) {
    throw new ShapeError(
      `Cannot layernorm ${x}: weight and bias go together, got ${weight ? "a weight" : "a bias"} alone`,
    );
  }
  const other = out === undefined || out === x.dtype ? {} : { out };
  if (weight && bias) return apply(LAYERNORM, [x, weight, bias], { eps, affine: true, ...other })[0];
  return apply(LAYERNORM, [x], { eps, affine: false, ...other })[0];
}
