import { f32, i32 } from "../../engine/core/spec.ts";
import type { AnySuite } from "../../engine/kernel.ts";
import { ASSIGN } from "./mod.ts";

/** Sizes for tests and benchmarks. */
export const suites: readonly AnySuite[] = [{
  kernel: ASSIGN,
  cases: [
    { name: "one element", inputs: [f32(1), f32(1)], attrs: {} },
    { name: "a prime", inputs: [f32(10_007), f32(10_007)], attrs: {} },
    { name: "integers", inputs: [i32(3, 5), i32(3, 5)], attrs: {} },
    { name: "more than 65,535 workgroups", inputs: [f32(4_200_000), f32(4_200_000)], attrs: {} },
  ],
}];
