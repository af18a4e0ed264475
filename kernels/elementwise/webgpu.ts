import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import { type Expression, usedInputs } from "../expression/expression.ts";
import { axesOf } from "../expression/layout.ts";
import { toWgsl, wgslOffsets } from "../expression/wgsl.ts";
import { type ElementwiseAttrs, outputShape } from "./kernel.ts";

const WORKGROUP = 64;

/** One invocation an element; broadcast operands are indexed by strides that are constants of the shader. */
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
  const source = `${bindings.join("\n")}

${body.functions}@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * ${WORKGROUP}u + lane;
  if (i >= ${size}u) { return; }
${body.statements}
${body.roots.map((root, r) => `  y${r}[i] = ${root};`).join("\n")}
}
`;
  return {
    launches: [{
      source,
      bindings: [...used, ...roots.map((_, r) => inputs.length + r)],
      groups: gridOf(Math.ceil(size / WORKGROUP), limits),
    }],
  };
}
