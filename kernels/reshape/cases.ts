import { f32, i32, type Spec } from "../../engine/core/spec.ts";
import type { Shape } from "../../engine/core/shape.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { RESHAPE, type ReshapeAttrs } from "./mod.ts";

function to(from: Spec, shape: Shape): KernelCase<ReshapeAttrs> {
  return { name: `[${from.shape.join(", ")}] to [${shape.join(", ")}]`, inputs: [from], attrs: { shape } };
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [{
  kernel: RESHAPE,
  cases: [
    to(f32(1), []),
    to(f32(61), [1, 61]),
    to(f32(4, 6, 5), [8, 15]),
    to(i32(12), [3, 4]),
  ],
}];
