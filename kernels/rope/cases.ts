import type { HostArray } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase, KernelSuite } from "../../engine/kernel.ts";
import { ROPE, type RopeAttrs } from "./kernel.ts";

interface Size {
  readonly name: string;
  readonly shape: readonly [number, number, number, number];
  readonly block: number;
  readonly inverse?: boolean;
  readonly forwardOnly?: boolean;
}

const SIZES: readonly Size[] = [
  { name: "one pair", shape: [1, 1, 1, 2], block: 2 },
  { name: "prime tokens and heads", shape: [2, 13, 3, 8], block: 8 },
  { name: "halves of three pairs", shape: [1, 9, 3, 12], block: 6 },
  { name: "halves of eighteen pairs", shape: [1, 5, 2, 72], block: 36 },
  { name: "neighbouring pairs", shape: [2, 21, 2, 16], block: 2 },
  { name: "an odd number of neighbouring pairs", shape: [1, 7, 2, 6], block: 2 },
  { name: "by the negative angle", shape: [1, 16, 2, 32], block: 16, inverse: true },
  { name: "neighbours by the negative angle", shape: [1, 4, 2, 8], block: 2, inverse: true },
  { name: "more than 65,535 workgroups", shape: [1, 4099, 64, 32], block: 16, forwardOnly: true },
];

function ropeCase({ name, shape, block, inverse = false, forwardOnly }: Size): KernelCase<RopeAttrs> {
  const [, tokens, , headDim] = shape;
  return {
    name,
    values: forwardOnly ? ramps : undefined,
    inputs: [f32(...shape), f32(2, tokens, headDim)],
    attrs: { block, inverse },
    differentiate: [0],
    forwardOnly,
  };
}

/** Cheap values for millions of elements. */
function ramps(specs: readonly Spec[]): readonly HostArray[] {
  return specs.map((spec) => {
    const data = new Float32Array(sizeOf(spec.shape));
    for (let i = 0; i < data.length; i++) data[i] = i % 251 / 128 - 1;
    return data;
  });
}

const rope: KernelSuite<RopeAttrs> = { kernel: ROPE, cases: SIZES.map(ropeCase) };

/** Sizes of the `rope` kernel. */
export const suites: readonly AnySuite[] = [rope];
