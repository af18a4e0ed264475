import type { Tensor } from "../../engine/tensor.ts";
import { affine, scale } from "../../kernels/elementwise/mod.ts";
import { resizeBilinear } from "../../kernels/resize/mod.ts";
import { INCEPTION_SIZE } from "./inception.ts";
import type { PixelRule } from "./pixels.ts";

/** How images are brought to the network: as the evaluation of DSMoE does it, or that of JiT (behaviours 55, 56). */
export type Preprocessing = "pytorch-fid" | "torch-fidelity";

/** Names of the ways. */
export const PREPROCESSINGS: readonly Preprocessing[] = ["pytorch-fid", "torch-fidelity"];

/** How each way makes pixels of a network's output. */
export const PIXEL_RULES: Readonly<Record<Preprocessing, PixelRule>> = {
  "pytorch-fid": "unrounded",
  "torch-fidelity": "png",
};

/**
 * Resizes and normalises images. `pytorch-fid`: half-pixel centres, then `2 x / 255 - 1`; `torch-fidelity`: the resize of
 * TensorFlow 1, then `(x - 128) / 128`. Neither smooths before shrinking nor rounds afterwards.
 *
 * @param pixels `f32[B, 3, H, W]`, 0 to 255
 * @returns `f32[B, 3, 299, 299]`, about [-1, 1]
 */
export function preprocess(pixels: Tensor, kind: Preprocessing): Tensor {
  if (kind === "pytorch-fid") {
    const unit = scale(pixels, 1 / 255); // f32[B, 3, H, W]
    const resized = resizeBilinear(unit, INCEPTION_SIZE, INCEPTION_SIZE, "half_pixel"); // f32[B, 3, 299, 299]
    return affine(resized, 2, -1);
  }
  const resized = resizeBilinear(pixels, INCEPTION_SIZE, INCEPTION_SIZE, "tf1"); // f32[B, 3, 299, 299]
  return affine(resized, 1 / 128, -1);
}
