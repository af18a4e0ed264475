/**
 * Images in another size.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { ResizeConvention } from "./geometry.ts";
import { RESIZE_BILINEAR, RESIZE_NEAREST } from "./kernel.ts";

export {
  type BilinearBackwardAttrs,
  type NearestBackwardAttrs,
  RESIZE_BILINEAR,
  RESIZE_BILINEAR_BACKWARD,
  RESIZE_NEAREST,
  RESIZE_NEAREST_BACKWARD,
} from "./kernel.ts";
export type { BilinearAttrs, ResizeAttrs, ResizeConvention } from "./geometry.ts";

/**
 * Copies the element at `floor(i * in / out)` along rows and columns.
 *
 * @param x `f32[B, C, H, W]`
 * @returns `f32[B, C, height, width]`
 * @throws {ShapeError} when x is not an image, or a size is not a whole number from 1 to 16,384
 */
export function resizeNearest(x: Tensor, height: number, width: number): Tensor {
  return apply(RESIZE_NEAREST, [x], { height, width })[0];
}

/**
 * Blends the four neighbours of a position in the source, without antialiasing. `half_pixel` takes the centre of every
 * element, `(i + 1/2) * in / out - 1/2` (PyTorch with `align_corners` false); `tf1` the corner, `i * in / out`
 * (TensorFlow 1). Positions beyond the first and last elements' take these.
 *
 * @param x `f32[B, C, H, W]`
 * @returns `f32[B, C, height, width]`
 * @throws {ShapeError} when x is not an image, or a size is not a whole number from 1 to 16,384
 */
export function resizeBilinear(
  x: Tensor,
  height: number,
  width: number,
  convention: ResizeConvention,
): Tensor {
  return apply(RESIZE_BILINEAR, [x], { height, width, convention })[0];
}
