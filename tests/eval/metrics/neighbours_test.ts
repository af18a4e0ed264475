import { assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { type Features, insideManifold, neighbourRadii, precisionRecall } from "../../../eval/metrics/mod.ts";
import { featuresOf, randomFeatures } from "./random_features.ts";

const LINE = featuresOf([0], [1], [3], [7], [15]);

Deno.test("`neighbourRadii()` gives squared distances to the k-th neighbour", () => {
  assertEquals(neighbourRadii(LINE, 1), Float64Array.of(1, 1, 4, 16, 64));
  assertEquals(neighbourRadii(LINE, 3), Float64Array.of(49, 36, 16, 49, 196));
});

Deno.test("`neighbourRadii()` counts equal points as neighbours at distance zero", () => {
  const rows = [[0.1, 0.7], [0.1, 0.7], [5, 5]];
  assertEquals(neighbourRadii(featuresOf(...rows), 1).subarray(0, 2), Float64Array.of(0, 0));
});

Deno.test("`insideManifold()` takes a point on the surface for inside", () => {
  const radii = neighbourRadii(LINE, 1);
  assertEquals([...insideManifold(featuresOf([-1], [-1.5], [5], [11], [24]), LINE, radii)], [1, 0, 1, 1, 0]);
});

Deno.test("`precisionRecall()` of equal sets is 1, of sets far apart 0", () => {
  const features = randomFeatures(1, 200, 5);
  assertEquals(precisionRecall(features, features), { precision: 1, recall: 1 });
  const far: Features = { ...features, data: features.data.map((value) => value + 100) };
  assertEquals(precisionRecall(features, far), { precision: 0, recall: 0 });
});

Deno.test("`precisionRecall()` tells quality from coverage", () => {
  const rows = randomFeatures(2, 200, 3);
  const twoClusters: Features = { ...rows, data: rows.data.map((value, i) => i < 300 ? value : value + 100) };
  const oneCluster: Features = { rows: 100, columns: 3, data: twoClusters.data.subarray(0, 300) };
  assertEquals(precisionRecall(twoClusters, oneCluster), { precision: 1, recall: 0.5 });
});

Deno.test("`precisionRecall()` agrees with all distances written out, over more than one block", () => {
  const [a, b] = [randomFeatures(3, 150, 4), randomFeatures(4, 140, 4, 1)];
  const distance = (x: Features, i: number, y: Features, j: number) => {
    let sum = 0;
    for (let c = 0; c < 4; c++) sum += (x.data[4 * i + c] - y.data[4 * j + c]) ** 2;
    return sum;
  };
  const radius = (x: Features, i: number) =>
    Array.from({ length: x.rows }, (_, j) => distance(x, i, x, j)).sort((p, q) => p - q)[3];
  const share = (x: Features, y: Features) => {
    const radii = Array.from({ length: y.rows }, (_, j) => radius(y, j));
    const inside = Array.from({ length: x.rows }, (_, i) => radii.some((r, j) => distance(x, i, y, j) <= r));
    return inside.filter(Boolean).length / x.rows;
  };
  assertEquals(precisionRecall(a, b), { precision: share(b, a), recall: share(a, b) });
});

Deno.test("`neighbourRadii()` refuses too few points", () => {
  assertThrows(() => neighbourRadii(LINE, 5), ShapeError, "5 feature vectors: at least 6 wanted");
  assertThrows(() => neighbourRadii(LINE, 0), RangeError, "neighbour 0");
});
