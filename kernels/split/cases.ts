import { f32, i32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelSuite } from "../../engine/kernel.ts";
import { inHalf } from "../half_cases.ts";
import { CONCAT, type ConcatAttrs, type Part, SPLIT, type SplitAttrs } from "./kernel.ts";

function sizes(...list: number[]): readonly Part[] {
  let start = 0;
  return list.map((size) => ({ start: (start += size) - size, size }));
}

function equal(parts: number, size: number): readonly Part[] {
  return sizes(...Array.from({ length: parts }, () => size));
}

const split: KernelSuite<SplitAttrs> = {
  kernel: SPLIT,
  cases: [
    { name: "one element", inputs: [f32(1)], attrs: { axis: 0, parts: sizes(1) } },
    { name: "six parts of the last axis", inputs: [f32(5, 96)], attrs: { axis: 1, parts: equal(6, 16) } },
    { name: "prime parts in the middle", inputs: [f32(3, 26, 7)], attrs: { axis: 1, parts: equal(2, 13) } },
    { name: "more parts than bindings", inputs: [f32(3, 68)], attrs: { axis: 1, parts: equal(17, 4) } },
    { name: "parts of different sizes", inputs: [f32(2, 19, 8)], attrs: { axis: 1, parts: sizes(3, 16) } },
    {
      name: "a slice",
      inputs: [f32(2, 11, 3)],
      attrs: { axis: 1, parts: [{ start: 4, size: 5 }] },
    },
    {
      name: "slices apart",
      inputs: [f32(4, 300)],
      attrs: { axis: 1, parts: [{ start: 1, size: 100 }, { start: 200, size: 1 }] },
    },
    { name: "long rows", inputs: [f32(2, 3, 3001)], attrs: { axis: 1, parts: equal(3, 1) } },
    { name: "integers", inputs: [i32(2, 70)], attrs: { axis: 1, parts: equal(2, 35) } },
    {
      name: "more than 65,535 workgroups",
      inputs: [f32(2, 2_100_001)],
      attrs: { axis: 1, parts: sizes(2_000_000, 100_001) },
      forwardOnly: true,
    },
  ],
};

const concat: KernelSuite<ConcatAttrs> = {
  kernel: CONCAT,
  cases: [
    { name: "one element", inputs: [f32(1)], attrs: { axis: 0 } },
    { name: "rows", inputs: [f32(3, 8), f32(5, 8)], attrs: { axis: 0 } },
    { name: "a prime axis", inputs: [f32(2, 3, 8), f32(2, 16, 8)], attrs: { axis: 1 } },
    { name: "odd columns", inputs: [f32(5, 7), f32(5, 1), f32(5, 67)], attrs: { axis: 1 } },
    {
      name: "more inputs than bindings",
      inputs: Array.from({ length: 17 }, (_, i) => f32(3, 4 * (i + 1))),
      attrs: { axis: 1 },
    },
    {
      name: "the gradient of one input",
      inputs: [f32(3, 5), f32(3, 6), f32(3, 7)],
      attrs: { axis: 1 },
      differentiate: [1],
    },
    { name: "long rows", inputs: [f32(2, 5003), f32(2, 4001)], attrs: { axis: 1 } },
    { name: "integers", inputs: [i32(2, 3), i32(2, 4)], attrs: { axis: 1 } },
    {
      name: "more than 65,535 workgroups",
      inputs: [f32(2, 2_000_000), f32(2, 100_001)],
      attrs: { axis: 1 },
      forwardOnly: true,
    },
  ],
};

/** Sizes of `split` and `concat`. */
export const suites: readonly AnySuite[] = [split, concat].map((suite: AnySuite) => ({
  ...suite,
  cases: [
    ...suite.cases,
    ...suite.cases.filter(({ forwardOnly, inputs: [{ dtype }] }) => !forwardOnly && dtype === "f32")
      .map((test) => inHalf(test)),
  ],
}));
