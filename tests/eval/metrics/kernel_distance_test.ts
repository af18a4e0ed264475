import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { discrepancy } from "../../../eval/metrics/kernel_distance.ts";
import { kernelDistance } from "../../../eval/metrics/mod.ts";
import { randomFeatures } from "./random_features.ts";

Deno.test("`discrepancy()` is the estimate written out by hand", () => {
  const matrix = (...values: number[]) => ({
    rows: values.length,
    columns: 1,
    data: Float64Array.from(values),
  });
  // Kernel (x y + 1)^3: within {1, 2} 27, within {0, 1, -1} (1 + 1 + 0) / 3, across (1 + 8 + 0 + 1 + 27 - 1) / 6.
  assertAlmostEquals(discrepancy(matrix(1, 2), matrix(0, 1, -1)), 27 + 2 / 3 - 2 * 36 / 6, 1e-12);
});

Deno.test("`kernelDistance()` is near zero for one distribution and large for two", () => {
  const options = { subsets: 40, subsetSize: 100 };
  const [a, same, other] = [1, 2, 3].map((seed) => randomFeatures(seed, 400, 6, seed === 3 ? 1 : 0));
  const { mean, deviation } = kernelDistance(a, same, options);
  assert(Math.abs(mean) < 2 * deviation && deviation > 0);
  assert(kernelDistance(a, other, options).mean > 10 * deviation);
});

Deno.test("`kernelDistance()` of whole sets is their discrepancy, whatever the seed", () => {
  const [a, b] = [randomFeatures(4, 30, 3), randomFeatures(5, 30, 3)];
  const wide = (x: typeof a) => ({ ...x, data: Float64Array.from(x.data) });
  for (const seed of [0, 9]) {
    const { mean, deviation } = kernelDistance(a, b, { subsets: 2, subsetSize: 30, seed });
    assertAlmostEquals(mean, discrepancy(wide(a), wide(b)), 1e-12);
    assert(deviation < 1e-12);
  }
});

Deno.test("`kernelDistance()` gives the same number for the same seed only", () => {
  const [a, b] = [randomFeatures(6, 50, 3), randomFeatures(7, 60, 3)];
  const run = (seed: number) => kernelDistance(a, b, { subsets: 3, subsetSize: 20, seed });
  assertEquals(run(1), run(1));
  assert(run(1).mean !== run(2).mean);
});

Deno.test("`kernelDistance()` refuses subsets that cannot be drawn", () => {
  const features = randomFeatures(8, 10, 2);
  assertThrows(
    () => kernelDistance(features, features),
    ShapeError,
    "10 feature vectors: at least 1000 wanted",
  );
  assertThrows(() => kernelDistance(features, features, { subsets: 0 }), RangeError, "0 subsets");
  assertThrows(() => kernelDistance(features, features, { subsetSize: 1 }), RangeError, "1 vectors a subset");
  const other = randomFeatures(9, 10, 3);
  assertThrows(() => kernelDistance(features, other, { subsetSize: 4 }), ShapeError, "of 2 and of 3");
});
