import { Pica } from "pica";
import type { RgbaImage } from "../../eval/mod.ts";

/** Plain JavaScript on this thread: no canvas, no worker, the same bytes on every machine. */
const lanczos = new Pica({ features: ["js"], concurrency: 1 });

/**
 * Makes an image of any size fit a data set: composited on white, cut to its central square, resized. Whole
 * factors average areas; every other factor, and enlarging, uses a Lanczos filter of radius 3.
 *
 * @param size side of the result in pixels
 * @returns u8[3, size, size]
 */
export async function fitImage(image: RgbaImage, size: number): Promise<Uint8Array> {
  const square = centreSquare(compositeOnWhite(image));
  return toPlanes(await resizeSquare(square, size));
}

/** Puts an image with straight (not premultiplied) alpha on a white page; the result is opaque. */
export function compositeOnWhite({ width, height, rgba }: RgbaImage): RgbaImage {
  const page = new Uint8Array(rgba.length);
  for (let i = 0; i < rgba.length; i += 4) {
    const alpha = rgba[i + 3];
    for (let channel = 0; channel < 3; channel++) {
      page[i + channel] = Math.round((rgba[i + channel] * alpha + 255 * (255 - alpha)) / 255);
    }
    page[i + 3] = 255;
  }
  return { width, height, rgba: page };
}

/** Cuts the largest square out of the middle. */
export function centreSquare({ width, height, rgba }: RgbaImage): RgbaImage {
  const side = Math.min(width, height);
  if (width === height) return { width, height, rgba };
  const left = Math.floor((width - side) / 2);
  const top = Math.floor((height - side) / 2);
  const square = new Uint8Array(side * side * 4);
  for (let y = 0; y < side; y++) {
    const start = ((top + y) * width + left) * 4;
    square.set(rgba.subarray(start, start + side * 4), y * side * 4);
  }
  return { width: side, height: side, rgba: square };
}

/** Resizes an opaque square image. */
async function resizeSquare(image: RgbaImage, size: number): Promise<RgbaImage> {
  const side = image.width;
  if (side === size) return image;
  if (side % size === 0) return averageAreas(image, side / size);
  const options = { src: image.rgba, width: side, height: side, toWidth: size, toHeight: size };
  const rgba = new Uint8Array(await lanczos.resizeBuffer({ ...options, filter: "lanczos3" }));
  return { width: size, height: size, rgba };
}

/** Each pixel becomes the mean of a square of `factor * factor` pixels. */
function averageAreas({ width, rgba }: RgbaImage, factor: number): RgbaImage {
  const size = width / factor;
  const result = new Uint8Array(size * size * 4);
  for (let i = 0; i < result.length; i++) {
    const channel = i % 4;
    const x = Math.floor(i / 4) % size;
    const y = Math.floor(i / 4 / size);
    let sum = 0;
    for (let row = y * factor; row < (y + 1) * factor; row++) {
      for (let column = x * factor; column < (x + 1) * factor; column++) {
        sum += rgba[(row * width + column) * 4 + channel];
      }
    }
    result[i] = Math.round(sum / (factor * factor));
  }
  return { width: size, height: size, rgba: result };
}

/** u8[size, size, 4] to u8[3, size, size]: the layout that models read. */
function toPlanes({ width, height, rgba }: RgbaImage): Uint8Array {
  const pixels = width * height;
  const planes = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let channel = 0; channel < 3; channel++) planes[channel * pixels + i] = rgba[i * 4 + channel];
  }
  return planes;
}
