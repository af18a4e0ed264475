import { sizeOf } from "../../engine/core/shape.ts";
import type { Spec } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import source from "./cast.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** A launch for as many tensors as can be bound together with their outputs. */
export function castWebGpu(inputs: readonly Spec[], limits: Limits): WebGpuPlan {
  const together = Math.floor(limits.maxStorageBuffersPerShaderStage / 2);
  const sizes = inputs.map(({ shape }) => sizeOf(shape));
  const launches: Launch[] = [];
  for (let first = 0; first < sizes.length; first += together) {
    const part = sizes.slice(first, first + together);
    const lanes = part.every((size) => size % 4 === 0) ? 4 : 1;
    const units = part.map((size) => size / lanes);
    launches.push({
      source: header(units, lanes === 4 ? "vec4f" : "f32") + source,
      bindings: part.flatMap((_, i) => [first + i, sizes.length + first + i]),
      groups: gridOf(Math.ceil(Math.max(...units) / WORKGROUP), limits),
    });
  }
  return { launches };
}

function header(units: readonly number[], element: string): string {
  const bindings = units.flatMap((_, t) => [
    `@group(0) @binding(${2 * t}) var<storage, read> x${t}: array<${element}>;`,
    `@group(0) @binding(${2 * t + 1}) var<storage, read_write> y${t}: array<${element}>;`,
  ]);
  const moves = units.map((count, t) => `  if (i < ${count}u) { y${t}[i] = x${t}[i]; }`);
  return [...bindings, "fn convert(i: u32) {", ...moves, "}", ""].join("\n");
}
