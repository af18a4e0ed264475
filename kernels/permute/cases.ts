import { f32, i32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase, KernelSuite } from "../../engine/kernel.ts";
import { PERMUTE, type PermuteAttrs } from "./kernel.ts";

function permuteCase(
  name: string,
  shape: readonly number[],
  order: readonly number[],
): KernelCase<PermuteAttrs> {
  return { name, inputs: [f32(...shape)], attrs: { order } };
}

const permute: KernelSuite<PermuteAttrs> = {
  kernel: PERMUTE,
  cases: [
    permuteCase("one element", [1], [0]),
    permuteCase("the same order", [3, 5], [0, 1]),
    permuteCase("a prime matrix", [13, 37], [1, 0]),
    permuteCase("whole tiles", [32, 48], [1, 0]),
    permuteCase("heads in front", [2, 17, 3, 20], [0, 2, 1, 3]),
    permuteCase("channels last", [2, 3, 16, 33], [0, 2, 3, 1]),
    permuteCase("long rows stay rows", [2, 3, 101], [1, 0, 2]),
    permuteCase("six dimensions", [2, 3, 4, 5, 2, 3], [5, 3, 1, 0, 2, 4]),
    permuteCase("six dimensions around a tile", [2, 17, 2, 3, 2, 19], [2, 5, 0, 4, 3, 1]),
    { name: "integers", inputs: [i32(7, 30)], attrs: { order: [1, 0] } },
    { ...permuteCase("more than 65,535 workgroups", [3, 700_001, 2], [2, 0, 1]), forwardOnly: true },
    { ...permuteCase("more than 65,535 tiles", [17, 16_411, 17], [2, 1, 0]), forwardOnly: true },
  ],
};

/** Sizes of `permute`. */
export const suites: readonly AnySuite[] = [permute];
