import type { HostArray } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { f32, type Spec } from "../../engine/core/spec.ts";
import type { AnySuite, KernelCase, KernelSuite } from "../../engine/kernel.ts";
import type { AttentionAttrs } from "./geometry.ts";
import { inHalf } from "../half_cases.ts";
import { ATTENTION, ATTENTION_BACKWARD } from "./kernel.ts";

interface Size {
  readonly name: string;
  readonly batch?: number;
  readonly tokens: number;
  readonly heads?: number;
  /** Absent for packed q, k, v. */
  readonly kvHeads?: number;
  readonly headDim: number;
  readonly block?: number;
  readonly sinks?: boolean;
  readonly causal?: boolean;
  readonly window?: number;
  readonly forwardOnly?: boolean;
}

const SIZES: readonly Size[] = [
  { name: "one token", tokens: 1, headDim: 2 },
  { name: "packed, a prime number of tokens", batch: 2, tokens: 37, heads: 3, headDim: 8 },
  { name: "packed, rotated in halves", batch: 2, tokens: 64, heads: 2, headDim: 32, block: 16 },
  {
    name: "packed, rotated as neighbours, causal",
    tokens: 19,
    heads: 2,
    headDim: 16,
    block: 2,
    causal: true,
  },
  { name: "grouped queries, three to one", tokens: 33, heads: 6, kvHeads: 2, headDim: 12, block: 6 },
  { name: "wide heads, halves of eighteen pairs", tokens: 35, headDim: 72, block: 36 },
  { name: "heads of six channels with sinks", batch: 3, tokens: 9, heads: 2, headDim: 6, sinks: true },
  { name: "very wide heads", tokens: 18, headDim: 176 },
  {
    name: "a window with sinks, grouped and rotated",
    ...{ batch: 2, tokens: 71, heads: 4, kvHeads: 2, headDim: 12 },
    ...{ block: 12, causal: true, window: 13, sinks: true },
  },
  { name: "two tiles", tokens: 67, heads: 2, kvHeads: 1, headDim: 32, block: 16 },
  { name: "neighbouring pairs that turn together", tokens: 5, headDim: 20, block: 4 },
  {
    name: "heads of six channels, rotated, a window",
    ...{ tokens: 45, heads: 2, headDim: 6, block: 6, causal: true, window: 13 },
  },
  { name: "a window of one key", tokens: 40, headDim: 4, causal: true, window: 1 },
  { name: "several tiles", tokens: 257, heads: 1, headDim: 64, block: 32, forwardOnly: true },
];

function attrsOf({ kvHeads, block = 0, sinks = false, causal = false, window = 0 }: Size): AttentionAttrs {
  return { packed: kvHeads === undefined, block, sinks, causal, window };
}

function inputsOf(size: Size): Spec[] {
  const { batch = 1, tokens, heads = 1, kvHeads, headDim, block, sinks } = size;
  const keys = f32(batch, tokens, kvHeads ?? 1, headDim);
  const operands = kvHeads === undefined
    ? [f32(batch, tokens, 3, heads, headDim)]
    : [f32(batch, tokens, heads, headDim), keys, keys];
  if (block) operands.push(f32(2, tokens, headDim));
  return sinks ? [...operands, f32(heads)] : operands;
}

function forwardCase(size: Size): KernelCase<AttentionAttrs> {
  const { name, forwardOnly, block, sinks } = size;
  const operands = size.kvHeads === undefined ? [0] : [0, 1, 2];
  const sink = operands.length + (block ? 1 : 0);
  return {
    name,
    inputs: inputsOf(size),
    attrs: attrsOf(size),
    differentiate: sinks ? [...operands, sink] : operands,
    forwardOnly,
  };
}

/** The backward kernel by itself, on a result and a log-sum-exp that belong together. */
function backwardCase(size: Size): KernelCase<AttentionAttrs> {
  const { batch = 1, tokens, heads = 1, headDim } = size;
  const attrs = attrsOf(size);
  const out = f32(batch, tokens, heads, headDim);
  const inputs = [...inputsOf(size), out, f32(batch, heads, tokens), out];
  return { name: size.name, inputs, attrs, values: (specs) => backwardValues(specs, attrs) };
}

function backwardValues(specs: readonly Spec[], attrs: AttentionAttrs): readonly HostArray[] {
  const views = specs.map((spec, i) => ({ spec, data: wave(sizeOf(spec.shape), i + 1) }));
  const results = views.slice(-3, -1);
  for (const { data } of results) data.fill(0);
  ATTENTION.reference(views.slice(0, -3), results, attrs);
  return views.map(({ data }) => Float32Array.from(data));
}

/** Numbers in [-1, 1] without a visible pattern. */
function wave(length: number, stream: number): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length }, (_, i) => Math.fround(Math.sin((i + 1) * (i + stream) * 0.7)));
}

/** The same with half-precision operands; the backward kernel's output and gradient are half-precision too. */
function halves(
  cases: readonly KernelCase<AttentionAttrs>[],
  backward: boolean,
): KernelCase<AttentionAttrs>[] {
  return cases.map((test) => {
    const operands = test.attrs.packed ? [0] : [0, 1, 2];
    const last = test.inputs.length - 1;
    return inHalf(test, { inputs: backward ? [...operands, last - 2, last] : operands });
  });
}

const some = SIZES.filter(({ forwardOnly }) => !forwardOnly).slice(0, 5);

const forward: KernelSuite<AttentionAttrs> = {
  kernel: ATTENTION,
  cases: [...SIZES.map(forwardCase), ...halves(some.map(forwardCase), false)],
};
const backward: KernelSuite<AttentionAttrs> = {
  kernel: ATTENTION_BACKWARD,
  cases: [
    ...SIZES.filter(({ forwardOnly }) => !forwardOnly).map(backwardCase),
    ...halves(some.map(backwardCase), true),
  ],
};

/** Sizes of the attention kernels. */
export const suites: readonly AnySuite[] = [forward, backward];
