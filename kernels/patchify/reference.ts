import type { View } from "../../engine/kernel.ts";
import type { UnpatchifyAttrs } from "./kernel.ts";

/** Calls `visit(inImage, inPatches)` with the two positions of every element. */
function eachPixel(
  batch: number,
  { channels, height, width, patch, order }: UnpatchifyAttrs,
  visit: (inImage: number, inPatches: number) => void,
): void {
  const columns = width / patch;
  const perImage = channels * height * width;
  for (let b = 0; b < batch; b++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const token = Math.floor(y / patch) * columns + Math.floor(x / patch);
          const pixel = (y % patch) * patch + x % patch;
          const inPatch = order === "chw" ? c * patch ** 2 + pixel : pixel * channels + c;
          visit(
            b * perImage + (c * height + y) * width + x,
            b * perImage + token * channels * patch ** 2 + inPatch,
          );
        }
      }
    }
  }
}

/** Copies every pixel to its place in the rows of patches. */
export function patchifyReference(x: View, out: View, attrs: UnpatchifyAttrs): void {
  eachPixel(x.spec.shape[0], attrs, (inImage, inPatches) => out.data[inPatches] = x.data[inImage]);
}

/** Copies every element of the rows of patches to its pixel. */
export function unpatchifyReference(x: View, out: View, attrs: UnpatchifyAttrs): void {
  eachPixel(x.spec.shape[0], attrs, (inImage, inPatches) => out.data[inImage] = x.data[inPatches]);
}
