import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { NonFiniteError, ShapeError } from "../../../engine/core/errors.ts";
import {
  type Features,
  frechetDistance,
  frechetDistanceOfFeatures,
  FrechetReference,
  type Gaussian,
  gaussianOf,
} from "../../../eval/metrics/mod.ts";
import { randomFeatures } from "./random_features.ts";

function diagonal(mean: readonly number[], variances: readonly number[]): Gaussian {
  const size = mean.length;
  const covariance = new Float64Array(size * size);
  variances.forEach((variance, i) => covariance[i * (size + 1)] = variance);
  return { mean: Float64Array.from(mean), covariance };
}

Deno.test("`frechetDistance()` of independent features is the sum over them", () => {
  const [a, b] = [diagonal([0, 1, 2], [1, 4, 0]), diagonal([3, 1, 0], [9, 0.25, 16])];
  // (m1 - m2)^2 + (s1 - s2)^2 with the standard deviations.
  assertAlmostEquals(frechetDistance(a, b), 9 + 0 + 4 + 4 + 2.25 + 16, 1e-12);
});

Deno.test("`frechetDistance()` of commuting covariances needs no symmetric form, and agrees", () => {
  // Both are combinations of the identity and of [[0, 1], [1, 0]]: eigenvalues a + b and a - b.
  const gaussian = (a: number, b: number): Gaussian => ({
    mean: new Float64Array(2),
    covariance: Float64Array.of(a, b, b, a),
  });
  const want = (3 + 1) + (13 + 5) - 2 * (Math.sqrt(3 * 13) + Math.sqrt(1 * 5));
  assertAlmostEquals(frechetDistance(gaussian(2, 1), gaussian(9, 4)), want, 1e-12);
});

Deno.test("`frechetDistance()` is symmetric, and zero for equal sets", () => {
  const [a, b] = [gaussianOf(randomFeatures(1, 80, 9)), gaussianOf(randomFeatures(2, 90, 9, 1))];
  assertAlmostEquals(frechetDistance(a, b), frechetDistance(b, a), 1e-10);
  assert(frechetDistance(a, b) > 1);
  assert(Math.abs(frechetDistance(a, a)) < 1e-10);
});

/** Both forms lose half of the digits of eigenvalues that are zero. */
const RANK_DEFICIENT = 1e-6;

Deno.test("`frechetDistanceOfFeatures()` gives the distance of the moments, whichever set is small", () => {
  const many = (seed: number): Features => randomFeatures(seed, 60, 20, seed % 3);
  const few = (seed: number): Features => randomFeatures(seed, 11, 20, seed % 3);
  for (const [a, b] of [[many(1), many(2)], [few(3), many(4)], [many(5), few(6)], [few(7), few(8)]]) {
    const want = frechetDistance(gaussianOf(a), gaussianOf(b));
    assertAlmostEquals(frechetDistanceOfFeatures(a, b), want, RANK_DEFICIENT * want);
    assertAlmostEquals(frechetDistanceOfFeatures(b, a), want, RANK_DEFICIENT * want);
  }
});

Deno.test("`FrechetReference` gives the same numbers at every call", () => {
  const reference = new FrechetReference(gaussianOf(randomFeatures(1, 50, 8)));
  const [few, many] = [randomFeatures(2, 5, 8), randomFeatures(3, 50, 8)];
  const first = [reference.distance(gaussianOf(many)), reference.distanceToFeatures(few)];
  assert(first[0] === reference.distanceToFeatures(many));
  assert(first[0] === reference.distance(gaussianOf(many)) && first[1] === reference.distanceToFeatures(few));
});

Deno.test("Fréchet distances refuse what does not fit", () => {
  const reference = new FrechetReference(diagonal([0, 0], [1, 1]));
  const other = diagonal([0, 0, 0], [1, 1, 1]);
  assertThrows(() => reference.distance(other), ShapeError, "vectors of 2 and of 3 numbers");
  assertThrows(() => reference.distanceToFeatures(randomFeatures(1, 1, 2)), ShapeError, "at least 2 wanted");
  const odd = { mean: new Float64Array(2), covariance: new Float64Array(3) };
  assertThrows(() => new FrechetReference(odd), ShapeError, "wants a covariance of 4 numbers, got 3");
  const broken = diagonal([0, 0], [1, NaN]);
  assertThrows(() => reference.distance(broken), NonFiniteError, "number 3 of the covariance is NaN");
});
