/**
 * Maximum and average pooling of images.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { PoolPair } from "./geometry.ts";
import { AVG_POOL2D, MAX_POOL2D } from "./kernel.ts";

export {
  AVG_POOL2D,
  AVG_POOL2D_BACKWARD,
  type AvgPoolAttrs,
  type AvgPoolBackwardAttrs,
  MAX_POOL2D,
  MAX_POOL2D_BACKWARD,
} from "./kernel.ts";
export type { PoolPair, PoolWindow } from "./geometry.ts";

/** Windows of a pooling; a number stands for rows and columns alike. */
export interface PoolOptions {
  /** Size of a window. */
  readonly kernel: number | PoolPair;
  /** From one window to the next; the kernel unless given. */
  readonly stride?: number | PoolPair;
  /** Around the image on all sides, less than the kernel; 0 unless given. */
  readonly padding?: number | PoolPair;
}

/** Windows of an average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /**
   * Whether padding counts as elements of value 0, so that every window's sum is divided by the size of the kernel;
   * else by the number of its elements in the image. True unless given.
   */
  readonly countPadding?: boolean;
}

function pairOf(value: number | PoolPair): PoolPair {
  return typeof value === "number" ? [value, value] : value;
}

function windowOf({ kernel, stride = kernel, padding = 0 }: PoolOptions) {
  return { kernel: pairOf(kernel), stride: pairOf(stride), padding: pairOf(padding) };
}

/**
 * The largest element of every window. Padding is never the largest. Where elements are equal, the first in row-major
 * order takes the gradient.
 *
 * @param x `f32[B, C, H, W]`
 * @returns `f32[B, C, H', W']`, H' = floor((H + 2 padding - kernel) / stride) + 1
 * @throws {ShapeError} when x is not an image, the padding is not below the kernel, or no window fits
 */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  return apply(MAX_POOL2D, [x], windowOf(options))[0];
}

/**
 * The mean of every window.
 *
 * @param x `f32[B, C, H, W]`
 * @returns `f32[B, C, H', W']`, H' = floor((H + 2 padding - kernel) / stride) + 1
 * @throws {ShapeError} when x is not an image, the padding is not below the kernel, or no window fits
 */
export function avgPool2d(x: Tensor, options: AvgPoolOptions): Tensor {
  const { countPadding = true } = options;
  return apply(AVG_POOL2D, [x], { ...windowOf(options), countPadding })[0];
}
