import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  difference,
  distance,
  largestRelativeError,
  mismatches,
  relativeError,
  total,
} from "../../eval/parity/compare.ts";

Deno.test("`relativeError()` is the L2 distance over the wanted norm", () => {
  assertAlmostEquals(relativeError(distance([3, 4.5], [3, 4])), 0.1, 1e-15);
});

Deno.test("`relativeError()` is 0 for equal zeros, infinite for others, and no number for NaN", () => {
  assertEquals(relativeError(distance([0, 0], [0, 0])), 0);
  assertEquals(relativeError(distance([0, 1e-9], [0, 0])), Infinity);
  assertEquals(relativeError(distance([NaN, 1], [1, 1])), NaN);
});

Deno.test("`largestRelativeError()` is that of the worst element, and no number for NaN", () => {
  assertAlmostEquals(largestRelativeError([1e6, -1.1, 0], [1e6, -1, 0], [1e6, -1, 0]), 0.1, 1e-15);
  assertAlmostEquals(largestRelativeError([0.5], [0], [-2]), 0.25, 1e-15);
  assertEquals(largestRelativeError([1e-9], [0], [0]), Infinity);
  assertEquals(largestRelativeError([NaN, 1], [1, 1], [1, 1]), NaN);
});

Deno.test("`total()` treats tensors as one vector", () => {
  const parts = [distance([1, 2], [1, 3]), distance([4], [5])];
  assertEquals(total(parts), distance([1, 2, 4], [1, 3, 5]));
});

Deno.test("`mismatches()` counts elements and `difference()` subtracts in f64", () => {
  assertEquals(mismatches(Int32Array.of(1, 2, 3), Int32Array.of(1, 0, 4)), 2);
  assertEquals([...difference(Float32Array.of(1, 0.1), Float32Array.of(0.5, 0))], [0.5, Math.fround(0.1)]);
});
