/**
 * What adaptive layer normalisation (adaLN) does to tokens: the norm with its modulation, and the gated residual. The
 * vectors of a batch item lie one after the other, as one linear layer makes them, and are read where they lie.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { ADALN_NORM } from "./norm.ts";
import { ADALN_RESIDUAL } from "./residual.ts";

export { ADALN_NORM, ADALN_NORM_BACKWARD } from "./norm.ts";
export { ADALN_RESIDUAL, ADALN_RESIDUAL_BACKWARD } from "./residual.ts";
export type {
  AdaLnNormAttrs,
  AdaLnNormBackwardAttrs,
  AdaLnResidualAttrs,
  AdaLnResidualBackwardAttrs,
} from "./sizes.ts";

/**
 * Layer normalisation of each token without weights, then `* (1 + scale) + shift` (Peebles and Xie, 2022).
 *
 * @param x `f32[B, T, D]`
 * @param vectors `f32[B, P, D]`
 * @param part which of the P vectors is the shift, and which the scale
 * @returns `f32[B, T, D]`
 * @throws {ShapeError} when shapes do not fit, or there is no such vector
 */
export function adaLnNorm(
  x: Tensor,
  vectors: Tensor,
  { shift, scale }: { readonly shift: number; readonly scale: number },
  eps = 1e-6,
): Tensor {
  return apply(ADALN_NORM, [x, vectors], { shift, scale, eps })[0];
}

/**
 * `x + gate * y`: a branch joins the residual stream (Peebles and Xie, 2022).
 *
 * @param x `f32[B, T, D]`
 * @param y `f32[B, T, D]`
 * @param vectors `f32[B, P, D]`
 * @param gate which of the P vectors
 * @returns `f32[B, T, D]`
 * @throws {ShapeError} when shapes do not fit, or there is no such vector
 */
export function adaLnResidual(x: Tensor, y: Tensor, vectors: Tensor, gate: number): Tensor {
  return apply(ADALN_RESIDUAL, [x, y, vectors], { gate })[0];
}
