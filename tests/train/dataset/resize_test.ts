import { assert, assertEquals } from "@std/assert";
import { centreSquare, compositeOnWhite, fitImage } from "../../../train/dataset/resize.ts";
import type { RgbaImage } from "../../../eval/mod.ts";

function image(width: number, height: number, pixel: (x: number, y: number) => number[]): RgbaImage {
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rgba.set(pixel(x, y), (y * width + x) * 4);
  }
  return { width, height, rgba };
}

Deno.test("`compositeOnWhite()` mixes with white by straight alpha", () => {
  const pixels = [[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 255, 51]];
  const mixed = compositeOnWhite(image(3, 1, (x) => pixels[x]));
  assertEquals([...mixed.rgba], [10, 20, 30, 255, 255, 255, 255, 255, 204, 224, 255, 255]);
});

Deno.test("`centreSquare()` cuts the middle out of a wide and of a high image", () => {
  const wide = centreSquare(image(5, 2, (x, y) => [x, y, 0, 255]));
  assertEquals([wide.width, wide.height], [2, 2]);
  assertEquals([...wide.rgba.filter((_, i) => i % 4 < 2)], [1, 0, 2, 0, 1, 1, 2, 1]);
  const high = centreSquare(image(1, 4, (x, y) => [x, y, 0, 255]));
  assertEquals([...high.rgba], [0, 1, 0, 255]);
});

Deno.test("`fitImage()` lays the channels one after another when no resizing is needed", async () => {
  const planes = await fitImage(image(2, 2, (x, y) => [x, 10 + y, 20 + x + y, 255]), 2);
  assertEquals([...planes], [0, 1, 0, 1, 10, 10, 11, 11, 20, 21, 21, 22]);
});

Deno.test("`fitImage()` averages areas when the factor is whole", async () => {
  const planes = await fitImage(image(4, 4, (x, y) => [y * 4 + x, x * 60, 7, 255]), 2);
  // Red of the first area: (0 + 1 + 4 + 5) / 4 = 2.5, rounded up.
  assertEquals([...planes], [3, 5, 11, 13, 30, 150, 30, 150, 7, 7, 7, 7]);
});

Deno.test("`fitImage()` keeps a flat colour exactly when a Lanczos filter shrinks or enlarges it", async () => {
  for (const [from, to] of [[40, 32], [50, 32], [20, 32], [7, 5]]) {
    const planes = await fitImage(image(from, from, () => [12, 130, 255, 255]), to);
    assertEquals(planes.length, 3 * to * to);
    planes.forEach((value, i) => assertEquals(value, [12, 130, 255][Math.floor(i / (to * to))]));
  }
});

Deno.test("`fitImage()` agrees with a direct Lanczos sum when the factor is not whole", async () => {
  const from = 40;
  const to = 32;
  const wave = (x: number, y: number) => 128 + 60 * Math.sin(x / 3) + 50 * Math.cos(y / 4);
  const planes = await fitImage(image(from, from, (x, y) => [wave(x, y), 0, 0, 255].map(Math.round)), to);
  const direct = directLanczos((x, y) => Math.round(wave(x, y)), from, to);
  direct.forEach((value, i) => {
    // The library rounds its weights to 14 bits and its intermediate rows to whole numbers.
    assert(Math.abs(value - planes[i]) <= 1.5, `pixel ${i}: ${planes[i]}, wanted ${value}`);
  });
});

/** The definition, in f64: weights sinc(d) sinc(d / 3) over the source pixels in reach, normalised. */
function directLanczos(pixel: (x: number, y: number) => number, from: number, to: number): number[] {
  const scale = from / to;
  const sinc = (x: number) => x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  const kernel = (x: number) => Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
  const weights = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const row = Array.from({ length: from }, (_, j) => kernel((j + 0.5 - centre) / scale));
    const sum = row.reduce((a, b) => a + b);
    return row.map((weight) => weight / sum);
  });
  const result: number[] = [];
  for (let i = 0; i < to; i++) {
    for (let j = 0; j < to; j++) {
      let value = 0;
      for (let y = 0; y < from; y++) {
        for (let x = 0; x < from; x++) value += weights[i][y] * weights[j][x] * pixel(x, y);
      }
      result.push(value);
    }
  }
  return result;
}
