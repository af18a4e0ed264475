import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { SOFTMAX, SOFTMAX_BACKWARD } from "./mod.ts";

const SHAPES: readonly (readonly number[])[] = [[1], [1, 61], [3, 5, 7], [67, 16], [4, 300], [2, 4099]];
const MANY: readonly number[] = [65539, 2];

function forward(shape: readonly number[], more: Partial<KernelCase> = {}): KernelCase {
  return { name: `[${shape.join(", ")}]`, inputs: [f32(...shape)], attrs: {}, ...more };
}

/** Rows far from zero, whose exponentials would overflow. */
const large: KernelCase = forward([5, 40], {
  name: "scores around 200",
  values: ([x]) => [new Philox(5, 1).normals(sizeOf(x.shape)).map((value) => 3 * value + 200)],
});

function backward(shape: readonly number[], more: Partial<KernelCase> = {}): KernelCase {
  return {
    name: `[${shape.join(", ")}]`,
    inputs: [f32(...shape), f32(...shape)],
    attrs: {},
    values: (
      [y, g],
    ) => [new Philox(5, 2).uniforms(sizeOf(y.shape)), new Philox(5, 3).normals(sizeOf(g.shape))],
    ...more,
  };
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  {
    kernel: SOFTMAX,
    cases: [...SHAPES.map((shape) => forward(shape)), large, forward(MANY, { forwardOnly: true })],
  },
  { kernel: SOFTMAX_BACKWARD, cases: [...SHAPES, MANY].map((shape) => backward(shape)) },
];
