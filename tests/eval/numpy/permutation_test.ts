import { assertEquals, assertThrows } from "@std/assert";
import { numpyPermutation } from "../../../eval/numpy/mod.ts";

Deno.test("`numpyPermutation()` gives the orders of NumPy's RandomState", () => {
  // numpy.random.RandomState(seed).permutation(count), NumPy 2.4
  assertEquals([...numpyPermutation(2020, 10)], [2, 4, 9, 1, 5, 7, 6, 3, 8, 0]);
  assertEquals([...numpyPermutation(0, 5)], [2, 0, 1, 3, 4]);
  const long = numpyPermutation(4294967295, 2000);
  assertEquals([...long.subarray(0, 4), ...long.subarray(1996)], [815, 455, 879, 1580, 1095, 1036, 290, 419]);
});

Deno.test("`numpyPermutation()` handles nothing and one", () => {
  assertEquals([...numpyPermutation(1, 0)], []);
  assertEquals([...numpyPermutation(1, 1)], [0]);
});

Deno.test("`numpyPermutation()` refuses a seed out of range", () => {
  assertThrows(() => numpyPermutation(-1, 4), RangeError, "seed -1");
  assertThrows(() => numpyPermutation(0, 1.5), RangeError, "count 1.5");
});
