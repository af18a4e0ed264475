import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { ShapeError } from "../../engine/core/errors.ts";
import { imageGrid } from "../../eval/image_grid.ts";
import { decodePng, type RgbaImage } from "../../eval/png.ts";

const SIZE = 4;
const PIXELS = SIZE * SIZE;

/**
 * f32[count, 3, 4, 4] with values that differ in every pixel and lie a little outside [-1, 1] at both ends.
 */
function testImages(count: number): Float32Array {
  const length = count * 3 * PIXELS;
  return Float32Array.from({ length }, (_, i) => ((i * 37) % length) / length * 2.2 - 1.1);
}

function expectedByte(value: number): number {
  return Math.round((Math.min(1, Math.max(-1, value)) + 1) * 127.5);
}

/** Whether image `index`, enlarged, stands with its corner at (left, top) of the picture. */
function standsAt(
  picture: RgbaImage,
  images: Float32Array,
  index: number,
  left: number,
  top: number,
  scale: number,
): boolean {
  for (let y = 0; y < SIZE * scale; y++) {
    for (let x = 0; x < SIZE * scale; x++) {
      const pixel = Math.floor(y / scale) * SIZE + Math.floor(x / scale);
      for (let channel = 0; channel < 3; channel++) {
        const wanted = expectedByte(images[(index * 3 + channel) * PIXELS + pixel]);
        const got = picture.rgba[((top + y) * picture.width + left + x) * 4 + channel];
        if (got !== wanted) return false;
      }
    }
  }
  return true;
}

Deno.test("`imageGrid()` draws every image enlarged without smoothing, row after row", async () => {
  const images = testImages(6);
  const scale = 5;
  const picture = decodePng(await imageGrid(images, { imageSize: SIZE, rows: 2, columns: 3, scale }), "grid");
  const step = SIZE * scale + 10;
  for (let i = 0; i < 6; i++) {
    assert(
      standsAt(picture, images, i, 24 + (i % 3) * step, 24 + Math.floor(i / 3) * step, scale),
      `image ${i}`,
    );
  }
  assertEquals([picture.width, picture.height], [24 * 2 + 3 * step - 10, 24 * 2 + 2 * step - 10]);
});

Deno.test("`imageGrid()` makes room for labels, title and caption, and draws them", async () => {
  const images = testImages(2);
  const options = { imageSize: SIZE, rows: 2, columns: 1, scale: 5 };
  const plain = decodePng(await imageGrid(images, options), "plain");
  const labelled = decodePng(
    await imageGrid(images, {
      ...options,
      rowLabels: ["Food & Drink", "<Flags>"],
      title: "Samples",
      caption: "step 7",
    }),
    "labelled",
  );
  assertGreater(labelled.width, plain.width);
  assertGreater(labelled.height, plain.height);
  assertGreater(darkPixels(labelled), darkPixels(plain) + 200);
});

/** Pixels that are dark and without colour: text, not test images. */
function darkPixels({ rgba }: RgbaImage): number {
  let count = 0;
  for (let i = 0; i < rgba.length; i += 4) {
    const [red, green, blue] = rgba.subarray(i, i + 3);
    if (Math.max(red, green, blue) < 130 && Math.max(red, green, blue) - Math.min(red, green, blue) < 35) {
      count++;
    }
  }
  return count;
}

Deno.test("`imageGrid()` gives the same bytes for the same input", async () => {
  const options = { imageSize: SIZE, rows: 1, columns: 2, rowLabels: ["Flags"] };
  assertEquals(await imageGrid(testImages(2), options), await imageGrid(testImages(2), options));
});

Deno.test("`imageGrid()` leaves cells empty when there are fewer images than cells", async () => {
  const images = testImages(1);
  const picture = decodePng(
    await imageGrid(images, { imageSize: SIZE, rows: 1, columns: 2, scale: 5 }),
    "grid",
  );
  const inSecondCell = ((24 + 10) * picture.width + 24 + 30 + 10) * 4;
  assertEquals([...picture.rgba.subarray(inSecondCell, inSecondCell + 3)], [0xf3, 0xf4, 0xf6]);
});

Deno.test("`imageGrid()` refuses images, labels or a scale that do not fit", async () => {
  const grid = { imageSize: SIZE, rows: 1, columns: 2 };
  await assertRejects(() => imageGrid(testImages(3), grid), ShapeError, "f32[1 to 2, 3, 4, 4] wanted");
  await assertRejects(() => imageGrid(new Float32Array(50), grid), ShapeError, "got 50 values");
  await assertRejects(
    () => imageGrid(testImages(2), { ...grid, rowLabels: ["a", "b"] }),
    ShapeError,
    "one label a row wanted, got 2",
  );
  await assertRejects(() => imageGrid(testImages(2), { ...grid, scale: 1.5 }), ShapeError, "whole number");
});
