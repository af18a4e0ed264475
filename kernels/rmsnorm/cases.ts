import { f32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { inHalf } from "../half_cases.ts";
import { RMSNORM, RMSNORM_BACKWARD, type RmsNormAttrs } from "./mod.ts";

type Case = KernelCase<RmsNormAttrs>;

const SHAPES: readonly (readonly number[])[] = [[1, 1], [61], [2, 3, 7], [67, 16], [5, 384], [2, 4099]];
const MANY: readonly number[] = [65539, 3];

/** A row of one element is 1 or -1 but for eps, which must be large for the gradient to be more than rounding. */
const epsOf = (shape: readonly number[]) => (shape[shape.length - 1] === 1 ? 0.5 : 1e-6);

function forward(shape: readonly number[], more: Partial<Case> = {}): Case {
  const inputs = [f32(...shape), f32(shape[shape.length - 1])];
  return { name: `[${shape.join(", ")}]`, inputs, attrs: { eps: epsOf(shape) }, ...more };
}

function backward(shape: readonly number[]): Case {
  const { name, inputs: [x, weight], attrs } = forward(shape);
  return { name, inputs: [x, x, weight], attrs };
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  {
    kernel: RMSNORM,
    cases: [
      ...SHAPES.map((shape) => forward(shape)),
      forward(MANY, { forwardOnly: true }),
      ...SHAPES.slice(2, 5).flatMap((shape) => [
        inHalf(forward(shape), { inputs: [0] }),
        inHalf(forward(shape), { inputs: [], attrs: { out: "f16" }, name: "half-precision result" }),
      ]),
    ],
  },
  {
    kernel: RMSNORM_BACKWARD,
    cases: [
      ...[...SHAPES, MANY].map(backward),
      inHalf(backward(SHAPES[3]), { inputs: [0, 1] }),
      inHalf(backward(SHAPES[4]), { inputs: [0], name: "half-precision gradient" }),
    ],
  },
];
