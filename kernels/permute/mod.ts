/**
 * Visible transposition: dimensions in another order.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { PERMUTE } from "./kernel.ts";

export { PERMUTE, type PermuteAttrs } from "./kernel.ts";

/**
 * Copies `x` with its dimensions in another order: dimension `i` of the result is dimension `order[i]` of `x`, so
 * that `permute(x, [1, 0])` transposes a matrix.
 *
 * @param x any dtype, rank of at most 6
 * @param order each of 0 to rank - 1 once
 * @throws {ShapeError} when `order` is not a permutation of the dimensions, or the rank is above 6
 */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  return apply(PERMUTE, [x], { order })[0];
}
