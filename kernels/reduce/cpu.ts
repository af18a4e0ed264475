import { f32, type Spec } from "../../engine/core/spec.ts";
import { kernelModule } from "../../engine/device/cpu/wasm/mod.ts";
import type { CpuCall, CpuPlan, CpuScratch, Slot } from "../../engine/kernel.ts";
import { type Expression, formatExpressions, input } from "../expression/expression.ts";
import { type ReduceAxes, reduceAxes } from "./axes.ts";
import { COLUMN_TILE, columnLoops, columnScratch, writeColumns } from "./cpu_columns.ts";
import { rowLoops, writeRows } from "./cpu_rows.ts";
import type { ReduceAttrs } from "./kernel.ts";

/** Elements worth handing to another worker. */
const WORTHWHILE = 16_384;

/** One pass over some inputs: an output element, or a partial sum of each of its chunks. */
interface Pass {
  readonly root: Expression;
  readonly operands: number;
  readonly axes: ReduceAxes;
  readonly scale: number;
}

/** A pass as a call; `partial` is what it leaves for the next pass, where there are several chunks. */
interface PassCall {
  readonly call: (inputs: readonly Slot[], out: Slot, scratch: Slot) => CpuCall;
  readonly scratch?: CpuScratch;
  readonly partial?: { readonly spec: Spec; readonly shape: readonly number[] };
}

/** Sums in passes: each adds up fixed chunks, so that neither the result nor its error depends on the workers. */
export function reduceCpu(root: Expression, inputs: readonly Spec[], attrs: ReduceAttrs): CpuPlan {
  const out = inputs.length;
  const calls: CpuCall[] = [];
  const scratch: CpuScratch[] = [];
  const scratchSlot = (entry: CpuScratch): Slot => out + scratch.push(entry);
  let sources: readonly Slot[] = inputs.map((_, slot) => slot);
  let pass: Pass = {
    root,
    operands: inputs.length,
    axes: reduceAxes(inputs.map((spec) => spec.shape), attrs.over, attrs.shape),
    scale: attrs.scale,
  };
  for (;;) {
    const { call, scratch: own, partial } = lowerPass(pass);
    const temporary = own ? [scratchSlot(own)] : [];
    const target = partial ? scratchSlot({ spec: partial.spec }) : out;
    calls.push(call(sources, target, temporary[0]));
    if (!partial) return { calls, scratch };
    const { shape } = partial.spec;
    sources = [target];
    pass = {
      root: input(0),
      operands: 1,
      axes: reduceAxes([shape], shape, partial.shape),
      scale: attrs.scale,
    };
  }
}

function lowerPass(pass: Pass): PassCall {
  return pass.axes.innermostSummed ? lowerRows(pass) : lowerColumns(pass);
}

function lowerRows({ root, operands, axes, scale }: Pass): PassCall {
  const loops = rowLoops(axes, operands);
  const own = loops.chunks === 1 ? scale : 1;
  return {
    call: (inputs, out) => ({
      key: `reduce rows ${formatExpressions([root])} ${JSON.stringify([loops, own])}`,
      build: () => kernelModule((f) => writeRows(f, root, loops, own)),
      bindings: [...inputs, out],
      range: axes.outputs * loops.chunks,
      grain: Math.ceil(WORTHWHILE / Math.min(axes.terms, 4096)),
    }),
    ...(loops.chunks > 1
      ? { partial: { spec: f32(axes.outputs, loops.chunks), shape: [axes.outputs, 1] } }
      : {}),
  };
}

function lowerColumns({ root, operands, axes, scale }: Pass): PassCall {
  const loops = columnLoops(axes, operands);
  const own = loops.chunks === 1 ? scale : 1;
  const work = Math.min(loops.size, COLUMN_TILE) * loops.chunk;
  return {
    call: (inputs, out, temporary) => ({
      key: `reduce columns ${formatExpressions([root])} ${JSON.stringify([loops, own])}`,
      build: () => kernelModule((f) => writeColumns(f, root, loops, own)),
      bindings: [...inputs, out, temporary],
      range: (axes.outputs / loops.size) * loops.tiles * loops.chunks,
      grain: Math.ceil(WORTHWHILE / Math.max(1, Math.min(work, WORTHWHILE))),
    }),
    scratch: { spec: columnScratch(loops), perLane: true },
    ...(loops.chunks > 1
      ? { partial: { spec: f32(loops.chunks, axes.outputs), shape: [1, axes.outputs] } }
      : {}),
  };
}
