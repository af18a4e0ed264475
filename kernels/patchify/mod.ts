/**
 * Images to rows of patches, and back.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { PATCHIFY, type PatchOrder, UNPATCHIFY } from "./kernel.ts";

export { PATCHIFY, type PatchifyAttrs, type PatchOrder, UNPATCHIFY, type UnpatchifyAttrs } from "./kernel.ts";

/**
 * Cuts images into patches of `patch` by `patch` pixels, row by row: N = (H / patch) * (W / patch).
 *
 * @param x `f32[B, C, H, W]`
 * @param order `"chw"`: a row is [channel, patch row, patch column], as a convolution weight `[D, C, p, p]` reads it;
 * `"hwc"`: [patch row, patch column, channel]
 * @returns `f32[B, N, C * patch * patch]`
 * @throws {ShapeError} when `patch` does not divide the height or the width
 */
export function patchify(x: Tensor, patch: number, order: PatchOrder): Tensor {
  return apply(PATCHIFY, [x], { patch, order })[0];
}

/**
 * Puts patches back into images: the inverse of `patchify`.
 *
 * @param x `f32[B, N, patch * patch * channels]`
 * @param order layout of a row of `x`; the reference implementation's final layer writes `"hwc"`
 * @returns `f32[B, channels, height, width]`
 * @throws {ShapeError} when the sizes do not fit `x`
 */
export function unpatchify(
  x: Tensor,
  channels: number,
  height: number,
  width: number,
  patch: number,
  order: PatchOrder,
): Tensor {
  return apply(UNPATCHIFY, [x], { channels, height, width, patch, order })[0];
}
