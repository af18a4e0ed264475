/**
 * Convolutions of images.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { CONV2D } from "./kernel.ts";
import type { Conv2dPadding } from "./sizes.ts";

export { CONV2D, CONV2D_INPUT_GRADIENT, CONV2D_WEIGHT_GRADIENT } from "./kernel.ts";
export type {
  Conv2dAttrs,
  Conv2dInputGradientAttrs,
  Conv2dPadding,
  Conv2dWeightGradientAttrs,
  Conv2dWindow,
} from "./sizes.ts";

/** How `conv2d` moves over the image, and what follows it. */
export interface Conv2dOptions {
  /** Pixels from one position of the kernel to the next, or rows and columns; 1 unless told. */
  readonly stride?: number | readonly [rows: number, columns: number];
  /** Zeros on each side of the image, or above and below and left and right, or on each side; 0 unless told. */
  readonly padding?: number | readonly [rows: number, columns: number] | Conv2dPadding;
  /** Applied after the bias, in the same launch. */
  readonly activation?: "relu";
}

/**
 * `out[b, o, y, x] = bias[o] + sum over c, i, j of weight[o, c, i, j] x[b, c, y stride + i - top, x stride + j - left]`,
 * zeros outside the image: what deep learning calls a convolution, a correlation in mathematics.
 *
 * @param x `f32[B, C, H, W]`
 * @param weight `f32[O, C, kh, kw]`
 * @param bias `f32[O]`
 * @returns `f32[B, O, H', W']` with `H' = floor((H + top + bottom - kh) / stride) + 1`
 * @throws {ShapeError} when channels differ, the kernel is larger than the padded image, a stride is below 1 or a
 * padding below 0
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: Conv2dOptions = {}): Tensor {
  const { stride = 1, padding = 0, activation = "none" } = options;
  const attrs = {
    stride: typeof stride === "number" ? [stride, stride] as const : stride,
    padding: paddingOf(padding),
    activation,
  };
  return apply(CONV2D, bias ? [x, weight, bias] : [x, weight], attrs)[0];
}

function paddingOf(padding: NonNullable<Conv2dOptions["padding"]>): Conv2dPadding {
  if (typeof padding === "object" && "top" in padding) return padding;
  const [rows, columns] = typeof padding === "number" ? [padding, padding] : padding;
  return { top: rows, bottom: rows, left: columns, right: columns };
}
