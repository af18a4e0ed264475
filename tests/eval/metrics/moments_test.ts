import { assert, assertEquals, assertThrows } from "@std/assert";
import { NonFiniteError, ShapeError } from "../../../engine/core/errors.ts";
import { FeatureMoments, type Features } from "../../../eval/metrics/mod.ts";
import { featuresOf, randomFeatures } from "./random_features.ts";

function cut({ columns, data }: Features, from: number, to: number): Features {
  return { rows: to - from, columns, data: data.subarray(from * columns, to * columns) };
}

function momentsOf(features: Features, batch: number): FeatureMoments {
  const moments = new FeatureMoments(features.columns);
  for (let from = 0; from < features.rows; from += batch) {
    moments.add(cut(features, from, Math.min(features.rows, from + batch)));
  }
  return moments;
}

/** Two passes over all rows, in f64. */
function twoPass({ rows, columns, data }: Features): { mean: Float64Array; covariance: Float64Array } {
  const mean = new Float64Array(columns);
  data.forEach((value, i) => mean[i % columns] += value / rows);
  const covariance = new Float64Array(columns * columns);
  for (let row = 0; row < rows; row++) {
    const centred = mean.map((value, j) => data[row * columns + j] - value);
    centred.forEach((x, i) => centred.forEach((y, j) => covariance[i * columns + j] += x * y / (rows - 1)));
  }
  return { mean, covariance };
}

function assertNear(got: Float64Array, want: Float64Array, bound: number): void {
  assertEquals(got.length, want.length);
  got.forEach((value, i) => assert(Math.abs(value - want[i]) <= bound, `${i}: ${value}, wanted ${want[i]}`));
}

Deno.test("`FeatureMoments` gives the mean and the covariance of two passes", () => {
  for (const rows of [2, 255, 256, 257, 1000]) {
    const features = randomFeatures(rows, rows, 5, 1);
    const [moments, want] = [momentsOf(features, 100), twoPass(features)];
    assertEquals(moments.rows, rows);
    assertNear(moments.mean(), want.mean, 1e-13);
    assertNear(moments.covariance(), want.covariance, 1e-12);
  }
});

Deno.test("`FeatureMoments` gives the same bits for every way to cut the stream", () => {
  const features = randomFeatures(3, 700, 6);
  const whole = momentsOf(features, 700);
  for (const batch of [1, 7, 256, 300]) {
    const moments = momentsOf(features, batch);
    assertEquals(moments.mean(), whole.mean());
    assertEquals(moments.covariance(), whole.covariance());
  }
});

Deno.test("`FeatureMoments` goes on to the same bits from a saved state", () => {
  const features = randomFeatures(4, 900, 4);
  const whole = momentsOf(features, 900);
  for (const at of [0, 100, 512, 899]) {
    const saved = momentsOf(cut(features, 0, at), 64).state();
    const moments = FeatureMoments.restore(saved);
    moments.add(cut(features, at, 900));
    assertEquals(moments.state(), whole.state());
    assertEquals(moments.covariance(), whole.covariance());
  }
});

Deno.test("`FeatureMoments` is not changed by asking for its results", () => {
  const features = randomFeatures(5, 300, 3);
  const moments = momentsOf(cut(features, 0, 100), 100);
  moments.covariance();
  moments.add(cut(features, 100, 300));
  assertEquals(moments.covariance(), momentsOf(features, 300).covariance());
});

Deno.test("`FeatureMoments` keeps the digits of a small variance beside a large mean", () => {
  const small = randomFeatures(6, 600, 3);
  const large: Features = { ...small, data: Float64Array.from(small.data, (value) => 2 ** 30 + value) };
  // The shifted values are rounded to 2^-22 each; sums of squares would have lost 2^8 times more than all.
  assertNear(momentsOf(large, 600).covariance(), momentsOf(small, 600).covariance(), 1e-5);
});

Deno.test("`FeatureMoments` refuses what it cannot use, and adds nothing of it", () => {
  const moments = new FeatureMoments(2);
  assertThrows(() => moments.add(featuresOf([1, 2, 3])), ShapeError, "vectors of 2 and of 3 numbers");
  assertThrows(() => moments.add(featuresOf([1, 2], [3, NaN])), NonFiniteError, "feature 1 of row 1 is NaN");
  assertEquals(moments.rows, 0);
  assertThrows(() => moments.mean(), ShapeError, "0 feature vectors: at least 1 wanted");
  moments.add(featuresOf([1, 2]));
  assertEquals(moments.mean(), Float64Array.of(1, 2));
  assertThrows(() => moments.covariance(), ShapeError, "1 feature vectors: at least 2 wanted");
  assertThrows(() => new FeatureMoments(0), ShapeError, "0 features");
});

Deno.test("`FeatureMoments.restore()` refuses parts that do not fit each other", () => {
  const state = momentsOf(randomFeatures(7, 300, 2), 300).state();
  const broken = [
    { ...state, merged: 255 },
    { ...state, scatter: new Float64Array(3) },
    { ...state, pending: new Float64Array(3) },
    { ...state, pending: new Float64Array(512) },
  ];
  for (const parts of broken) assertThrows(() => FeatureMoments.restore(parts), ShapeError, "do not fit");
  const mean = Float64Array.of(0, Infinity);
  assertThrows(() => FeatureMoments.restore({ ...state, mean }), NonFiniteError, "Infinity");
});
