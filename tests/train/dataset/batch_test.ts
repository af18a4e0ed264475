import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { sampleBatch } from "../../../train/dataset/batch.ts";
import type { ImageDataset } from "../../../train/dataset/dataset.ts";

const SIZE = 4;
const PIXELS = 3 * SIZE * SIZE;

/** Classes of 1, 10 and 89 images; every byte tells its image and its place. */
function testDataset(): ImageDataset {
  const counts = [1, 10, 89];
  const labels = Int32Array.from(counts.flatMap((count, label) => new Array<number>(count).fill(label)));
  return {
    ...{ name: "test", licence: "none", location: "memory", classNames: ["a", "b", "c"], digest: "" },
    imageSize: SIZE,
    channels: 3,
    count: labels.length,
    images: Uint8Array.from({ length: labels.length * PIXELS }, (_, i) => (i * 13) % 256),
    labels,
    imagesOfClass: counts.map((_, label) =>
      Int32Array.from([...labels.keys()].filter((i) => labels[i] === label))
    ),
    skipped: { count: 0, firstProblem: "" },
  };
}

const dataset = testDataset();

Deno.test("`sampleBatch()` gives the pixels of its indices in [-1, 1], and their labels", () => {
  const { x, y, indices } = sampleBatch(dataset, { seed: 1, step: 2, batchSize: 64 });
  assertEquals(x.length, 64 * PIXELS);
  assertEquals([...y], [...indices].map((index) => dataset.labels[index]));
  indices.forEach((index, i) => {
    for (let j = 0; j < PIXELS; j++) {
      const wanted = Math.fround(dataset.images[index * PIXELS + j] / 127.5 - 1);
      assertEquals(x[i * PIXELS + j], wanted);
    }
  });
});

Deno.test("`sampleBatch()` is a pure function of seed and step", () => {
  const options = { seed: 7, step: 123, batchSize: 32 };
  assertEquals(sampleBatch(dataset, options), sampleBatch(dataset, options));
  const { indices } = sampleBatch(dataset, options);
  assertNotEquals(sampleBatch(dataset, { ...options, step: 124 }).indices, indices);
  assertNotEquals(sampleBatch(dataset, { ...options, seed: 8 }).indices, indices);
});

Deno.test("`sampleBatch()` begins a larger batch with the images of a smaller one", () => {
  const small = sampleBatch(dataset, { seed: 3, step: 5, batchSize: 8 });
  const large = sampleBatch(dataset, { seed: 3, step: 5, batchSize: 40 });
  assertEquals(large.indices.slice(0, 8), small.indices);
});

Deno.test("`sampleBatch()` draws classes uniformly, and images uniformly within a class", () => {
  const draws = 30_000;
  const { y, indices } = sampleBatch(dataset, { seed: 0, step: 0, batchSize: draws });
  assertUniform([0, 1, 2].map((label) => y.filter((own) => own === label).length), draws);
  const ofLargest = indices.filter((index) => index >= 11);
  const counts = new Array<number>(89).fill(0);
  ofLargest.forEach((index) => counts[index - 11]++);
  assertUniform(counts, ofLargest.length);
});

/** A chi-squared test that a uniform generator fails once in about a million seeds (5 sigma). */
function assertUniform(counts: readonly number[], total: number): void {
  const wanted = total / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - wanted) ** 2 / wanted, 0);
  const freedom = counts.length - 1;
  assert(statistic < freedom + 5 * Math.sqrt(2 * freedom) + 10, `chi-squared ${statistic} of ${freedom}`);
}

Deno.test("`sampleBatch()` mirrors about half of the images when `flip` is set, and draws the same ones", () => {
  const options = { seed: 4, step: 9, batchSize: 200 };
  const plain = sampleBatch(dataset, options);
  const flipped = sampleBatch(dataset, { ...options, flip: true });
  assertEquals(flipped.indices, plain.indices);
  let mirrored = 0;
  for (let i = 0; i < 200; i++) {
    const before = plain.x.slice(i * PIXELS, (i + 1) * PIXELS);
    const after = flipped.x.slice(i * PIXELS, (i + 1) * PIXELS);
    const mirror = before.map((_, j) => before[Math.floor(j / SIZE) * SIZE + SIZE - 1 - j % SIZE]);
    const isMirrored = after.some((value, j) => value !== before[j]);
    assertEquals(after, isMirrored ? mirror : before);
    mirrored += Number(isMirrored);
  }
  // 5 sigma of a binomial of 200 fair draws is 36.
  assert(Math.abs(mirrored - 100) < 36, `${mirrored} of 200 mirrored`);
});

Deno.test("`sampleBatch()` refuses a batch size, seed or step that is not a whole number in range", () => {
  const options = { seed: 0, step: 0, batchSize: 1 };
  for (
    const wrong of [{ batchSize: 0 }, { batchSize: 1.5 }, { seed: -1 }, { step: 2 ** 32 }, { step: 0.5 }]
  ) {
    assertThrows(() => sampleBatch(dataset, { ...options, ...wrong }), RangeError);
  }
});
