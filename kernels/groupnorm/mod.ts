/**
 * Group normalisation of images.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { GROUPNORM } from "./kernel.ts";

export { GROUPNORM, GROUPNORM_BACKWARD, type GroupNormAttrs } from "./kernel.ts";

/**
 * `(x - mean) / sqrt(variance + eps) * weight + bias` with mean and variance over each group of neighbouring channels
 * of each sample (Wu and He, 2018). The variance is that of the population: divided by the number of elements.
 *
 * @param x `f32[B, C, ..]`
 * @param groups divides C
 * @param weight `f32[C]`
 * @param bias `f32[C]`
 * @returns `f32[B, C, ..]`
 * @throws {ShapeError} when a shape differs, or `groups` does not divide C
 */
export function groupnorm(x: Tensor, groups: number, weight: Tensor, bias: Tensor, eps = 1e-6): Tensor {
  return apply(GROUPNORM, [x, weight, bias], { groups, eps })[0];
}
