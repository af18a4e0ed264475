import { f32 } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../engine/kernel.ts";
import { inHalf } from "../half_cases.ts";
import { LINEAR_BACKWARD, type LinearBackwardAttrs, MATMUL, type MatmulAttrs } from "./mod.ts";

type Case = KernelCase<MatmulAttrs>;
type BackwardCase = KernelCase<LinearBackwardAttrs>;

interface Options extends Partial<MatmulAttrs> {
  readonly lead?: readonly number[];
  readonly bias?: boolean;
  readonly forwardOnly?: boolean;
}

function product(m: number, n: number, k: number, options: Options = {}): Case {
  const { lead = [], transA = false, transB = false, bias = false, forwardOnly = false } = options;
  const a = f32(...lead, ...(transA ? [k, m] : [m, k])), b = f32(...lead, ...(transB ? [n, k] : [k, n]));
  const letters = `${transA ? "T" : "N"}${transB ? "T" : "N"}`;
  return {
    name: `${[...lead, m].join("x")}x${n}x${k} ${letters}${bias ? " with bias" : ""}`,
    inputs: bias ? [a, b, f32(n)] : [a, b],
    attrs: { transA, transB },
    forwardOnly,
  };
}

function layer(lead: readonly number[], n: number, k: number, more: Partial<Case> = {}): Case {
  return {
    name: `linear of [${lead.join(", ")}, ${k}] to ${n}`,
    inputs: [f32(...lead, k), f32(n, k), f32(n)],
    attrs: { transA: false, transB: true },
    ...more,
  };
}

const LAYOUTS: readonly MatmulAttrs[] = [false, true].flatMap((transA) =>
  [false, true].map((transB) => ({ transA, transB }))
);

const FORWARD = { forwardOnly: true };

// Every new size is a new shader, so that few sizes go backward.
const cases: readonly Case[] = [
  product(1, 1, 1),
  ...LAYOUTS.flatMap((layout) => [
    product(8, 12, 20, { ...layout, lead: [2, 3] }),
    product(67, 71, 37, { ...layout, ...FORWARD }),
    product(61, 68, 300, { ...layout, ...FORWARD, bias: true }),
  ]),
  layer([3, 5], 13, 7),
  layer([2], 36, 24, FORWARD),
  {
    name: "folded rows, B as it is",
    inputs: [f32(3, 5, 8), f32(8, 12)],
    attrs: { transA: false, transB: false },
  },
  product(65, 66, 1100, FORWARD),
  product(3, 5, 4096, { ...FORWARD, transB: true }),
  product(2, 3, 70_000, FORWARD),
  product(1, 1, 4, { ...FORWARD, lead: [65_537] }),
];

interface Gradients extends Partial<LinearBackwardAttrs> {
  readonly before?: boolean;
}

function backward(lead: readonly number[], n: number, k: number, wanted: Gradients): BackwardCase {
  const { bias = false, input = false, before = false } = wanted;
  const x = f32(...lead, k);
  return {
    name: `gradients of [${lead.join(", ")}, ${k}] to ${n}${bias ? ", bias" : ""}${input ? ", input" : ""}`,
    inputs: [f32(...lead, n), x, ...(input ? [f32(n, k)] : []), ...(before ? [x] : [])],
    attrs: { bias, input },
  };
}

const backwardCases: readonly BackwardCase[] = [
  backward([1], 1, 1, { bias: true, input: true }),
  backward([3, 23], 36, 8, { input: true, before: true }),
  backward([67], 71, 37, { bias: true, input: true, before: true }),
  backward([130], 68, 132, { bias: true, input: true }),
  backward([1030], 12, 20, { bias: true, input: true, before: true }),
  backward([1030], 36, 7, {}),
  backward([20_000], 3, 5, { bias: true }),
  backward([1], 1, 32_768 * 64 + 4, { bias: true, input: true }),
];

/** Aligned and odd rows, a split sum, each operand alone, and results of the other dtype. */
const halves: readonly Case[] = [
  inHalf(product(8, 12, 20, { lead: [2, 3] })),
  inHalf(product(8, 12, 20, { transA: true, transB: true, lead: [2] })),
  inHalf(product(65, 66, 1100, FORWARD)),
  ...[13, 36].flatMap((n) => [
    inHalf(layer([3, 5], n, 2 * n), { inputs: [0, 1] }),
    inHalf(layer([3, 5], n, 2 * n), { inputs: [0], name: "half-precision tokens" }),
    inHalf(layer([3, 5], n, 2 * n), {
      inputs: [1],
      attrs: { out: "f16" },
      name: "half-precision weight and result",
    }),
    inHalf(layer([3, 5], n, 2 * n), {
      inputs: [0, 1],
      attrs: { out: "f32" },
      name: "half-precision operands",
    }),
  ]),
  inHalf(product(3, 5, 4096, { ...FORWARD, transB: true })),
];

/** Sizes of the conformance test and of the benchmark. */
export const suites: readonly AnySuite[] = [
  { kernel: MATMUL, cases: [...cases, ...halves] },
  {
    kernel: LINEAR_BACKWARD,
    cases: [...backwardCases, ...[2, 3, 4].map((i) => inHalf(backwardCases[i]))],
  },
];
