import { bytesPerElement } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { bindingRanges, bindItems } from "../../engine/device/webgpu/ranges.ts";
import { gridOf, type Launch, type Limits, type Slot, type WebGpuPlan } from "../../engine/kernel.ts";
import { type Expression, usedInputs, valueType } from "../expression/expression.ts";
import { axesOf, type Axis } from "../expression/layout.ts";
import { toWgsl, wgslOffsets, wgslType, type Width } from "../expression/wgsl.ts";
import { type ElementwiseAttrs, outputShape, outputTypes } from "./kernel.ts";

const WORKGROUP = 64;

/**
 * One invocation for four neighbours, or for one element where rows are not multiples of four; broadcast operands are
 * indexed by strides that are constants of the shader. Where nothing is broadcast but single numbers, tensors that
 * cannot be bound at once are taken a part at a time.
 */
export function elementwiseWebGpu(
  roots: readonly Expression[],
  inputs: readonly Spec[],
  attrs: ElementwiseAttrs,
  limits: Limits,
): WebGpuPlan {
  const shape = outputShape(inputs, attrs);
  const { axes, width, widths } = groupsOf(axesOf(shape, [...inputs.map((spec) => spec.shape), shape]));
  const offsets = wgslOffsets(axes, inputs.length + 1, "i");
  const typeOf = (index: number, own: Width) => wgslType(valueType(inputs[index].dtype), own);
  const load = (index: number) => {
    const element = `x${index}[${offsets[index]}]`;
    return widths[index] === width ? element : `${typeOf(index, width)}(${element})`;
  };
  const body = toWgsl(roots, load, width);
  const used = usedInputs(roots);
  const bindings = [
    ...used.map((index, b) =>
      `@group(0) @binding(${b}) var<storage, read> x${index}: array<${typeOf(index, widths[index])}>;`
    ),
    ...roots.map((root, r) =>
      `@group(0) @binding(${used.length + r}) var<storage, read_write> y${r}: array<${
        wgslType(root.type, width)
      }>;`
    ),
  ];
  const slots = [...used, ...roots.map((_, r) => inputs.length + r)];
  const outputs = outputTypes(roots, inputs, attrs).map((dtype) => ({ dtype, shape }));
  const source = (count: number) => shaderOf(bindings, body, count / width);
  return { launches: launchesOf(source, slots, [...inputs, ...outputs], width, limits) };
}

/**
 * The loops in steps of four elements where the innermost allows that.
 *
 * @returns elements of a step, and for each operand whether it moves by as many or stays
 */
function groupsOf(axes: readonly Axis[]): { axes: readonly Axis[]; width: Width; widths: readonly Width[] } {
  const inner = axes[axes.length - 1];
  const whole = inner.size % 4 === 0 && inner.strides.every((stride) => stride <= 1);
  const widths = inner.strides.map((stride): Width => whole && stride === 1 ? 4 : 1);
  if (!whole) return { axes, width: 1, widths };
  const outer = axes.slice(0, -1).map(({ size, strides }) => ({
    size,
    strides: strides.map((stride, i) => stride / widths[i]),
  }));
  return { axes: [...outer, { size: inner.size / 4, strides: inner.strides }], width: 4, widths };
}

/** The shader that computes `count` steps. */
function shaderOf(bindings: readonly string[], body: ReturnType<typeof toWgsl>, count: number): string {
  return `${bindings.join("\n")}

${body.functions}@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= ${count}u) { return; }
${body.statements}
${body.roots.map((root, r) => `  y${r}[i] = ${root};`).join("\n")}
}
`;
}

/**
 * One launch, or as many as it takes to bind everything.
 *
 * @param source the shader for the first `count` elements of what is bound
 * @param specs of all slots; the last is an output
 * @param width elements of an invocation
 */
function launchesOf(
  source: (count: number) => string,
  slots: readonly Slot[],
  specs: readonly Spec[],
  width: Width,
  limits: Limits,
): Launch[] {
  const sizes = specs.map(({ shape }) => sizeOf(shape));
  const bytes = specs.map(({ dtype }) => bytesPerElement(dtype));
  const size = sizes[sizes.length - 1];
  const [most, fewest] = [Math.max(...bytes), Math.min(...bytes)];
  const stretched = slots.some((slot) => sizes[slot] !== size && sizes[slot] !== 1);
  const ranges = stretched ? [{ first: 0, count: size }] : bindingRanges(size, most, limits, fewest);
  return ranges.map((range) => ({
    source: source(range.count),
    bindings: slots.map((slot) => sizes[slot] === size ? bindItems(slot, range, bytes[slot], size) : slot),
    groups: gridOf(Math.ceil(range.count / (width * WORKGROUP)), limits),
  }));
}
