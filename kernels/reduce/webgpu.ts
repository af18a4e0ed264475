import { f32, type Spec } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import { type Expression, input, usedInputs, valueType } from "../expression/expression.ts";
import { toWgsl, wgslOffsets } from "../expression/wgsl.ts";
import { type ReduceAxes, reduceAxes } from "./axes.ts";
import type { ReduceAttrs } from "./kernel.ts";
import source from "./reduce.wgsl" with { type: "text" };

const WORKGROUP = 256;
/** Most columns of a workgroup: two cache lines of 128 bytes. */
const MOST_COLUMNS = 64;
/** Workgroups that keep a large GPU busy. */
const BUSY = 512;
/** Terms that an invocation should add before a partial sum is worth a round trip through memory. */
const FEWEST_TERMS = 16;
/** Terms that an invocation may add one after the other, for accuracy. */
const MOST_TERMS = 1024;

/** One launch, or two with partial sums of fixed chunks between them where there would be too few workgroups. */
export function reduceWebGpu(
  root: Expression,
  inputs: readonly Spec[],
  attrs: ReduceAttrs,
  limits: Limits,
): WebGpuPlan {
  const axes = reduceAxes(inputs.map((spec) => spec.shape), attrs.over, attrs.shape);
  const columns = columnsOf(axes);
  const chunks = chunksOf(axes, columns);
  const slots = inputs.map((_, slot) => slot);
  const out = inputs.length;
  if (chunks === 1) {
    return {
      launches: [launchOf({ root, inputs, slots, axes, columns, chunks, scale: attrs.scale, out }, limits)],
    };
  }
  const partial = f32(chunks, axes.outputs);
  const first = { root, inputs, slots, axes, columns, chunks, scale: 1, out: out + 1 };
  const rest = reduceAxes([partial.shape], partial.shape, [1, axes.outputs]);
  const last = {
    root: input(0),
    inputs: [partial],
    slots: [out + 1],
    axes: rest,
    columns: columnsOf(rest),
    chunks: 1,
    scale: attrs.scale,
    out,
  };
  return { launches: [launchOf(first, limits), launchOf(last, limits)], scratch: [partial] };
}

/** Outputs of a workgroup: a power of two, as many as leave no lane without a term. */
function columnsOf({ outputs, terms, innermostSummed }: ReduceAxes): number {
  const fewest = WORKGROUP / Math.min(WORKGROUP, powerOfTwo(terms));
  const adjacent = innermostSummed ? 1 : Math.min(MOST_COLUMNS, powerOfTwo(outputs));
  return Math.max(fewest, adjacent);
}

function chunksOf({ outputs, terms }: ReduceAxes, columns: number): number {
  const lanes = WORKGROUP / columns;
  const forAccuracy = Math.ceil(terms / (lanes * MOST_TERMS));
  const worthwhile = Math.floor(terms / (lanes * FEWEST_TERMS));
  const forWork = Math.min(worthwhile, Math.ceil(BUSY / Math.ceil(outputs / columns)));
  return Math.max(1, forAccuracy, forWork);
}

function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}

interface Pass {
  readonly root: Expression;
  readonly inputs: readonly Spec[];
  readonly slots: readonly number[];
  readonly axes: ReduceAxes;
  readonly columns: number;
  readonly chunks: number;
  readonly scale: number;
  readonly out: number;
}

function launchOf(pass: Pass, limits: Limits): Launch {
  const { axes, columns, chunks } = pass;
  const used = usedInputs([pass.root]);
  const chunk = Math.ceil(axes.terms / chunks);
  const groups = Math.ceil(axes.outputs / columns) * chunks;
  return {
    source: header(pass, used) + source,
    overrides: {
      OUTPUTS: axes.outputs,
      TERMS: axes.terms,
      CHUNK: chunk,
      COLUMNS: columns,
      GROUPS: groups,
      SCALE: pass.scale,
    },
    bindings: [...used.map((index) => pass.slots[index]), pass.out],
    groups: gridOf(groups, limits),
  };
}

/** The bindings, and the function that reads the inputs and evaluates the expression at output `o` and term `r`. */
function header({ root, inputs, axes }: Pass, used: readonly number[]): string {
  const operands = inputs.length + 1;
  const kept = wgslOffsets(axes.kept, operands, "o");
  const summed = wgslOffsets(axes.summed, operands, "r");
  const offset = (index: number) =>
    [kept[index], summed[index]].filter((term) => term !== "0u").join(" + ") || "0u";
  const body = toWgsl([root], (index) => `x${index}[${offset(index)}]`);
  const bindings = used.map((index, b) =>
    `@group(0) @binding(${b}) var<storage, read> x${index}: array<${valueType(inputs[index].dtype)}>;\n`
  );
  return `${bindings.join("")}@group(0) @binding(${used.length}) var<storage, read_write> y: array<f32>;

${body.functions}fn value(o: u32, r: u32) -> f32 {
${body.statements}
  return ${body.roots[0]};
}

`;
}
