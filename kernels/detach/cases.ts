import { f32, i32 } from "../../engine/core/spec.ts";
import type { AnySuite } from "../../engine/kernel.ts";
import { DETACH } from "./mod.ts";

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [{
  kernel: DETACH,
  cases: [f32(64, 256), f32(), f32(61), i32(3, 4)].map((spec) => ({
    name: `${spec.dtype}[${spec.shape.join(", ")}]`,
    inputs: [spec],
    attrs: {},
    forwardOnly: true,
  })),
}];
