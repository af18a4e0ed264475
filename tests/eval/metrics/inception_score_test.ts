import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { NonFiniteError, ShapeError } from "../../../engine/core/errors.ts";
import {
  type Features,
  inceptionScore,
  InceptionScoreSums,
  type SplitRule,
} from "../../../eval/metrics/mod.ts";
import { numpyPermutation } from "../../../eval/numpy/mod.ts";
import { featuresOf, randomFeatures } from "./random_features.ts";

/** Logits that are sure of one class each. */
function sure(...classes: readonly number[]): Features {
  return featuresOf(...classes.map((wanted) => [0, 1, 2].map((index) => index === wanted ? 200 : 0)));
}

const inPieces = (size: number): SplitRule => ({ kind: "consecutive", size });

Deno.test("`inceptionScore()` of sure and evenly used classes is their number", () => {
  assertAlmostEquals(inceptionScore(sure(0, 1, 2, 2, 1, 0), inPieces(6)).mean, 3, 1e-12);
  assertAlmostEquals(inceptionScore(sure(1, 1, 1), inPieces(3)).mean, 1, 1e-12);
});

Deno.test("`inceptionScore()` of images that look alike is 1", () => {
  const { mean, deviation } = inceptionScore(featuresOf([1, 2, 3], [1, 2, 3]), inPieces(1));
  assertEquals([mean, deviation], [1, 0]);
});

Deno.test("`inceptionScore()` keeps a shorter last piece, which weighs as much as the others", () => {
  const { mean, deviation, splits } = inceptionScore(sure(0, 1, 0, 1, 2), inPieces(2));
  assertEquals([...splits].map((score) => Math.round(1e9 * score) / 1e9), [2, 2, 1]);
  assertAlmostEquals(mean, 5 / 3, 1e-12);
  assertAlmostEquals(deviation, Math.sqrt(2) / 3, 1e-12);
});

Deno.test("`inceptionScore()` cuts the shuffled order as torch-fidelity does", () => {
  const logits = randomFeatures(1, 23, 4);
  const order = numpyPermutation(2020, 23);
  const shuffled: Features = {
    ...logits,
    data: Float32Array.from({ length: 92 }, (_, i) => logits.data[4 * order[Math.floor(i / 4)] + i % 4]),
  };
  const got = inceptionScore(logits, { kind: "fidelity", splits: 3 });
  assertEquals(inceptionScore(logits, { kind: "fidelity", splits: 3, order }), got);
  // Pieces of 7, 8 and 8 images.
  const pieces = [[0, 7], [7, 15], [15, 23]].map(([from, to]) => {
    const part = { rows: to - from, columns: 4, data: shuffled.data.subarray(4 * from, 4 * to) };
    return inceptionScore(part, inPieces(to - from)).mean;
  });
  pieces.forEach((want, i) => assertAlmostEquals(got.splits[i], want, 1e-12));
});

Deno.test("`InceptionScoreSums` gives the same bits for every way to cut the stream, and from a saved state", () => {
  const logits = randomFeatures(2, 40, 5);
  const rule: SplitRule = { kind: "fidelity", splits: 4 };
  const whole = inceptionScore(logits, rule);
  const part = (from: number, to: number): Features => ({
    rows: to - from,
    columns: 5,
    data: logits.data.subarray(5 * from, 5 * to),
  });
  const first = new InceptionScoreSums(40, 5, rule);
  first.add(part(0, 13));
  const second = new InceptionScoreSums(40, 5, rule);
  second.restore(first.state());
  second.add(part(13, 39));
  assertThrows(() => second.score(), ShapeError, "39 images: 40 were announced");
  second.add(part(39, 40));
  assertEquals(second.score(), whole);
  assertThrows(() => second.add(part(0, 1)), ShapeError, "40 were announced");
});

Deno.test("`InceptionScoreSums` refuses what does not fit", () => {
  const sums = new InceptionScoreSums(4, 3, inPieces(2));
  assertThrows(() => sums.add(featuresOf([1, 2])), ShapeError, "of 3 and of 2 numbers");
  assertThrows(() => sums.add(featuresOf([1, 2, 3], [1, -Infinity, 3])), NonFiniteError, "row 1");
  assertEquals(sums.seen, 0);
  const other = new InceptionScoreSums(4, 3, inPieces(4)).state();
  assertThrows(() => sums.restore(other), ShapeError, "Cannot restore");
  const rules: readonly SplitRule[] = [
    inPieces(0),
    { kind: "fidelity", splits: 5 },
    { kind: "fidelity", splits: 2, order: [0, 1, 2, 2] },
    { kind: "fidelity", splits: 2, order: [0, 1, 2] },
  ];
  for (const rule of rules) assertThrows(() => new InceptionScoreSums(4, 3, rule), RangeError);
});

Deno.test("`inceptionScore()` is finite for logits of any size", () => {
  const { mean } = inceptionScore(featuresOf([3e38, -3e38], [-3e38, 3e38]), inPieces(2));
  assert(Math.abs(mean - 2) < 1e-12);
});
