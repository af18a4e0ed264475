import { bytesPerElement } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { bindingRanges, bindItems } from "../../engine/device/webgpu/ranges.ts";
import { gridOf, type Launch, type Limits, type Slot, type WebGpuPlan } from "../../engine/kernel.ts";
import { type Expression, usedInputs, valueType } from "../expression/expression.ts";
import { axesOf } from "../expression/layout.ts";
import { toWgsl, wgslOffsets } from "../expression/wgsl.ts";
import { type ElementwiseAttrs, outputShape, outputTypes } from "./kernel.ts";

const WORKGROUP = 64;

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
  const axes = axesOf(shape, [...inputs.map((spec) => spec.shape), shape]);
  const offsets = wgslOffsets(axes, inputs.length + 1, "i");
  const body = toWgsl(roots, (index) => `x${index}[${offsets[index]}]`);
  const used = usedInputs(roots);
  const bindings = [
    ...used.map((index, b) =>
      `@group(0) @binding(${b}) var<storage, read> x${index}: array<${valueType(inputs[index].dtype)}>;`
    ),
    ...roots.map((root, r) =>
      `@group(0) @binding(${used.length + r}) var<storage, read_write> y${r}: array<${root.type}>;`
    ),
  ];
  const slots = [...used, ...roots.map((_, r) => inputs.length + r)];
  const outputs = outputTypes(roots, inputs, attrs).map((dtype) => ({ dtype, shape }));
  const source = (count: number) => shaderOf(bindings, body, count);
  return { launches: launchesOf(source, slots, [...inputs, ...outputs], limits) };
}

/** The shader that computes `count` elements. */
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
 */
function launchesOf(
  source: (count: number) => string,
  slots: readonly Slot[],
  specs: readonly Spec[],
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
    groups: gridOf(Math.ceil(range.count / WORKGROUP), limits),
  }));
}
