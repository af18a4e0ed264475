import { assert, assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../../engine/core/errors.ts";
import { drawBatch, splitData } from "../../../eval/classifier/data.ts";
import { stripes } from "./fixture.ts";

Deno.test("`splitData()` holds out the same part of every class", () => {
  const { training, heldOut } = splitData(stripes(120), 7);
  assertEquals(training.map(({ length }) => length), [68, 34]);
  assertEquals(heldOut.length, 12 + 6);
  const all = [...training.flatMap((own) => [...own]), ...heldOut].sort((a, b) => a - b);
  assertEquals(all, Array.from({ length: 120 }, (_, i) => i));
});

Deno.test("`splitData()` depends on the seed alone", () => {
  const data = stripes(120);
  assertEquals(splitData(data, 7), splitData(data, 7));
  assert(String(splitData(data, 7).heldOut) !== String(splitData(data, 8).heldOut));
});

Deno.test("`splitData()` refuses a class of one image and a label that is no class", () => {
  const data = stripes(3);
  assertThrows(() => splitData(data, 0), DataError, 'class "lying" has 1 images, at least 2 wanted');
  const labels = Int32Array.of(0, 1, 2);
  assertThrows(() => splitData({ ...data, labels }, 0), DataError, "label 2 of image 2 is not below 2");
});

Deno.test("`drawBatch()` takes classes in turn, and only images that are trained on", () => {
  const data = stripes(30);
  const split = { training: [Uint32Array.of(0, 3), Uint32Array.of(2)], heldOut: new Uint32Array() };
  const { labels, pixels } = drawBatch(data, split, { seed: 1, step: 1, batch: 5 });
  assertEquals([...labels], [1, 0, 1, 0, 1]);
  const size = 3 * 16 * 16;
  // A shift repeats edges and a mirror reorders: every value of the image drawn is one of its own.
  const values = new Set(data.images.subarray(2 * size, 3 * size));
  for (const value of pixels.subarray(0, size)) assert(values.has(value));
});

Deno.test("`drawBatch()` shifts by at most a sixteenth of the side and mirrors about half", () => {
  const side = 32;
  const image = new Uint8Array(3 * side * side);
  for (let i = 0; i < image.length; i++) image[i] = i % side;
  const images = new Uint8Array(2 * image.length);
  images.set(image);
  images.set(image, image.length);
  const data = { ...stripes(6), images, imageSize: side };
  const split = { training: [Uint32Array.of(0), Uint32Array.of(1)], heldOut: new Uint32Array() };
  const { pixels } = drawBatch(data, split, { seed: 2, step: 0, batch: 200 });
  const middles = Array.from({ length: 200 }, (_, i) => pixels[i * image.length + side / 2]);
  const mirrored = Array.from({ length: 200 }, (_, i) => pixels[i * image.length] > side / 2);
  const count = mirrored.filter((own) => own).length;
  assert(count > 70 && count < 130, `${count} of 200 are mirrored`);
  const shifts = middles.map((value, i) => mirrored[i] ? side / 2 - 1 - value : value - side / 2);
  assertEquals([Math.min(...shifts), Math.max(...shifts)], [-2, 2]);
});
