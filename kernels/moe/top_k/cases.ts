import { Philox } from "../../../engine/core/random.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../../engine/kernel.ts";
import { TOP_K, TOP_K_BACKWARD, type TopKAttrs, type TopKBackwardAttrs } from "./mod.ts";

function rows(
  T: number,
  E: number,
  k: number,
  more: Partial<KernelCase<TopKAttrs>> = {},
): KernelCase<TopKAttrs> {
  return { name: `${T} rows, ${k} of ${E}`, inputs: [f32(T, E)], attrs: { k }, ...more };
}

const ties = rows(5, 16, 6, {
  name: "ties go to the lower index",
  values: () => [Float32Array.from({ length: 80 }, (_, i) => (i % 16) % 3 - 1)],
  forwardOnly: true,
});

function backward(T: number, K: number, width: number): KernelCase<TopKBackwardAttrs> {
  return {
    name: `${T} rows, ${K} of ${width}`,
    inputs: [i32(T, K), f32(T, K)],
    attrs: { width },
    values: () => [
      Int32Array.from({ length: T * K }, (_, i) => (Math.floor(i / K) * 5 + 3 * (i % K)) % width),
      new Philox(31, 1).normals(T * K),
    ],
  };
}

/** Sizes: one, primes, everything kept, 256 columns, ties, more than one workgroup. */
export const suites: readonly AnySuite[] = [
  {
    kernel: TOP_K,
    cases: [rows(64, 16, 2), rows(1, 1, 1), rows(131, 7, 3), rows(7, 5, 5), rows(13, 256, 8), ties],
  },
  {
    kernel: TOP_K_BACKWARD,
    cases: [backward(64, 2, 16), backward(1, 1, 1), backward(131, 3, 7), backward(5, 8, 256)],
  },
];
