import { Philox } from "../../engine/core/random.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { inHalf } from "../half_cases.ts";
import { LAYERNORM, LAYERNORM_BACKWARD, type LayerNormAttrs } from "./mod.ts";

type Case = KernelCase<LayerNormAttrs>;

const SHAPES: readonly (readonly number[])[] = [[1, 1], [61], [2, 3, 7], [67, 16], [5, 384], [2, 4099]];
const MANY: readonly number[] = [65539, 3];
const EPS = 1e-6;

function sized(
  shape: readonly number[],
  affine: boolean,
  inputs: readonly Spec[],
  more: Partial<Case>,
): Case {
  const name = `[${shape.join(", ")}]${affine ? " with weight and bias" : ""}`;
  return { name, inputs, attrs: { eps: EPS, affine }, ...more };
}

function forward(shape: readonly number[], affine: boolean, more: Partial<Case> = {}): Case {
  const vector = f32(shape[shape.length - 1]);
  return sized(shape, affine, affine ? [f32(...shape), vector, vector] : [f32(...shape)], more);
}

/** The rows' means are outputs: away from zero, so that their relative error says something. */
function backward(shape: readonly number[], affine: boolean): Case {
  const x = f32(...shape);
  return sized(shape, affine, affine ? [x, x, f32(shape[shape.length - 1])] : [x, x], {
    values: (inputs) =>
      inputs.map((spec, i) =>
        new Philox(11, i + 2).normals(sizeOf(spec.shape)).map((value) => value + (i === 1 ? 2 : 0))
      ),
  });
}

/** Rows whose mean is far larger than their spread. */
const offset: Case = forward([7, 90], false, {
  name: "a mean of 1,000",
  values: ([x]) => [new Philox(11, 1).normals(sizeOf(x.shape)).map((value) => value + 1000)],
});

const constantRow: Case = forward([2, 8], false, {
  name: "a constant row",
  values: ([x]) => [new Float32Array(sizeOf(x.shape)).fill(3)],
  forwardOnly: true,
});

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  {
    kernel: LAYERNORM,
    cases: [
      ...SHAPES.flatMap((shape) => [forward(shape, false), forward(shape, true)]),
      offset,
      constantRow,
      forward(MANY, true, { forwardOnly: true }),
      ...SHAPES.slice(2, 5).flatMap((shape) => [
        inHalf(forward(shape, true), { inputs: [0] }),
        inHalf(forward(shape, false), { inputs: [], attrs: { out: "f16" }, name: "half-precision result" }),
      ]),
    ],
  },
  {
    kernel: LAYERNORM_BACKWARD,
    cases: [
      ...SHAPES.flatMap((shape) => [backward(shape, false), backward(shape, true)]),
      backward(MANY, true),
      inHalf(backward(SHAPES[3], true), { inputs: [0, 1] }),
      inHalf(backward(SHAPES[4], false), { inputs: [0], name: "half-precision gradient" }),
    ],
  },
];
