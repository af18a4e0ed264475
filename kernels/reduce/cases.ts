import { f32, type Spec } from "../../engine/core/spec.ts";
import { Philox } from "../../engine/core/random.ts";
import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { inHalf } from "../half_cases.ts";
import { add, input, mul, sigmoid } from "../expression/expression.ts";
import { MSE, type ReduceAttrs, reduceKernel, SUM } from "./mod.ts";

type Case = KernelCase<ReduceAttrs>;

function sum(name: string, over: Shape, shape: Shape, more: Partial<Case> = {}): Case {
  return { name, inputs: [f32(...over)], attrs: { over, shape, scale: 1 }, ...more };
}

const FORWARD = { forwardOnly: true };
/** Positive terms: a sum that cancels has a large relative error however it is added up. */
const POSITIVE: Partial<Case> = {
  forwardOnly: true,
  values: ([x]) => [new Philox(13, 1).uniforms(sizeOf(x.shape))],
};

const sums: readonly Case[] = [
  sum("a scalar", [], []),
  sum("one element", [1, 1], [1, 1]),
  sum("a prime to a scalar", [61], [1]),
  sum("nothing summed", [3, 7], [3, 7]),
  sum("last axis", [5, 37], [5, 1]),
  sum("leading axis", [37, 5], [1, 5]),
  sum("middle axis", [3, 11, 20], [3, 1, 20]),
  sum("both ends", [3, 11, 20], [1, 11, 1]),
  sum("first and middle of four", [2, 5, 3, 7], [1, 5, 1, 7]),
  sum("short last axis", [301, 3], [301, 1]),
  sum("several chunks to a scalar", [300007], [1], POSITIVE),
  sum("several chunks of the last axis", [2, 40001], [2, 1], POSITIVE),
  sum("several chunks of the leading axis", [5003, 33], [1, 33], FORWARD),
  sum("several tiles of columns", [9, 2051], [1, 2051], FORWARD),
  sum("one column from many rows", [2, 7001, 1, 2], [2, 1, 1, 2], POSITIVE),
  sum("more than 65,535 workgroups", [65537, 129], [65537, 1], FORWARD),
];

/** `(x + shift) * sigmoid(scale)`: operands that stretch in different loops, as in the gradient of adaLN. */
const FUSED = reduceKernel(
  "fused_sum",
  ["f32", "f32", "f32"],
  mul(add(input(0), input(1)), sigmoid(input(2))),
);

function fused(name: string, over: Shape, shape: Shape, more: Partial<Case> = {}): Case {
  const [batch, tokens, width] = over;
  const inputs: readonly Spec[] = [f32(...over), f32(batch, 1, width), f32(tokens, 1)];
  return { name, inputs, attrs: { over, shape, scale: 0.25 }, ...more };
}

function mse(name: string, ...shape: number[]): KernelCase<ReduceAttrs> {
  const scale = 1 / shape.reduce((product, dim) => product * dim, 1);
  return {
    name,
    inputs: [f32(...shape), f32(...shape)],
    attrs: { over: shape, shape: shape.map(() => 1), scale },
  };
}

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  { kernel: SUM, cases: [...sums, ...sums.slice(2, 8).map((test) => inHalf(test))] },
  {
    kernel: MSE,
    cases: [
      mse("one element", 1),
      mse("a prime", 61),
      mse("images", 4, 3, 17, 17),
      inHalf(mse("images", 4, 3, 17, 17), { inputs: [0], name: "half-precision prediction" }),
    ],
  },
  {
    kernel: FUSED,
    cases: [
      fused("one element", [1, 1, 1], [1, 1, 1]),
      fused("tokens", [2, 13, 20], [2, 1, 20]),
      fused("batch and tokens", [3, 7, 11], [1, 1, 11]),
      fused("batch", [3, 7, 11], [1, 7, 11]),
      fused("width", [3, 7, 11], [3, 7, 1]),
      fused("batch and width", [3, 7, 11], [1, 7, 1]),
      fused("everything", [3, 7, 11], [1, 1, 1]),
      fused("several chunks", [3, 1501, 70], [1, 1, 70], FORWARD),
      inHalf(fused("tokens", [2, 13, 20], [2, 1, 20])),
      inHalf(fused("tokens", [2, 13, 20], [2, 1, 20]), {
        inputs: [0],
        name: "one operand in half precision",
      }),
    ],
  },
];
