import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { bindingRanges, bindItems } from "../../engine/device/webgpu/ranges.ts";
import { gridOf, type Launch, type Limits, type Slot, type WebGpuPlan } from "../../engine/kernel.ts";
import { type Expression, usedInputs } from "../expression/expression.ts";
import { axesOf } from "../expression/layout.ts";
import { toWgsl, wgslOffsets } from "../expression/wgsl.ts";
import { type ElementwiseAttrs, outputShape } from "./kernel.ts";

const WORKGROUP = 64;
/** Bytes of an element, whatever its type. */
const WORD = 4;

/**
 * One invocation an element; broadcast operands are indexed by strides that are constants of the shader. Where nothing
 * is broadcast but single numbers, tensors that cannot be bound at once are taken a part at a time.
 */
export function elementwiseWebGpu(
  roots: readonly Expression[],
  inputs: readonly Spec[],
  attrs: ElementwiseAttrs,
  limits: Limits,
): WebGpuPlan {
  const shape = outputShape(inputs, attrs);
  const size = sizeOf(shape);
  const axes = axesOf(shape, [...inputs.map((spec) => spec.shape), shape]);
  const offsets = wgslOffsets(axes, inputs.length + 1, "i");
  const body = toWgsl(roots, (index) => `x${index}[${offsets[index]}]`);
  const used = usedInputs(roots);
  const bindings = [
    ...used.map((index, b) =>
      `@group(0) @binding(${b}) var<storage, read> x${index}: array<${inputs[index].dtype}>;`
    ),
    ...roots.map((root, r) =>
      `@group(0) @binding(${used.length + r}) var<storage, read_write> y${r}: array<${root.type}>;`
    ),
  ];
  const source = (count: number) =>
    `${bindings.join("\n")}

${body.functions}@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= ${count}u) { return; }
${body.statements}
${body.roots.map((root, r) => `  y${r}[i] = ${root};`).join("\n")}
}
`;
  const slots = [...used, ...roots.map((_, r) => inputs.length + r)];
  const sizes = [...inputs.map((spec) => sizeOf(spec.shape)), ...roots.map(() => size)];
  return { launches: launchesOf(source, slots, sizes, limits) };
}

/**
 * One launch, or as many as it takes to bind everything.
 *
 * @param source the shader for the first `count` elements of what is bound
 * @param sizes elements of each slot; the last is an output
 */
function launchesOf(
  source: (count: number) => string,
  slots: readonly Slot[],
  sizes: readonly number[],
  limits: Limits,
): Launch[] {
  const size = sizes[sizes.length - 1];
  const stretched = slots.some((slot) => sizes[slot] !== size && sizes[slot] !== 1);
  const ranges = stretched ? [{ first: 0, count: size }] : bindingRanges(size, WORD, limits);
  return ranges.map((range) => ({
    source: source(range.count),
    bindings: slots.map((slot) => sizes[slot] === size ? bindItems(slot, range, WORD, size) : slot),
    groups: gridOf(Math.ceil(range.count / WORKGROUP), limits),
  }));
}
