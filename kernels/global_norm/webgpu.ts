import { f32 } from "../../engine/core/spec.ts";
import type { Launch, Limits, WebGpuPlan } from "../../engine/kernel.ts";
import finish from "./norm_finish.wgsl" with { type: "text" };
import sumSquares from "./sum_squares.wgsl" with { type: "text" };

/** Most workgroups of a launch, and lanes of each: together 65,536 sums. */
const LANES = 256;

/** Elements that one lane adds up before another workgroup is worth starting. */
const ELEMENTS_PER_LANE = 8;

/** A launch for as many tensors as can be bound beside the partial sums, and one that finishes. */
export function globalNormWebGpu(sizes: readonly number[], limits: Limits): WebGpuPlan {
  const [norm, partial] = [sizes.length, sizes.length + 1];
  const most = Math.min(LANES, limits.maxComputeWorkgroupsPerDimension);
  const WORKGROUPS = Math.min(most, Math.ceil(Math.max(...sizes) / (LANES * ELEMENTS_PER_LANE)));
  const together = limits.maxStorageBuffersPerShaderStage - 1;
  const launches: Launch[] = [];
  for (let first = 0; first < sizes.length; first += together) {
    const part = sizes.slice(first, first + together);
    launches.push({
      source: header(part) + sumSquares,
      overrides: { WORKGROUPS, FIRST: Number(first === 0) },
      bindings: [partial, ...part.map((_, i) => first + i)],
      groups: [WORKGROUPS, 1, 1],
    });
  }
  const last = { source: finish, overrides: { WORKGROUPS }, bindings: [partial, norm] };
  return { scratch: [f32(LANES)], launches: [...launches, { ...last, groups: [1, 1, 1] }] };
}

/** Bindings of the tensors, and the sum of the squares of each one's elements `first`, `first + step`, .... */
function header(sizes: readonly number[]): string {
  const bindings = sizes.map((_, i) => `@group(0) @binding(${i + 1}) var<storage, read> x${i}: array<f32>;`);
  const loops = sizes.map((size, i) =>
    `  for (var i = first; i < ${size}u; i += step) { sum += x${i}[i] * x${i}[i]; }`
  );
  return [
    ...bindings,
    "fn squares_from(first: u32, step: u32) -> f32 {",
    "  var sum = 0.0;",
    ...loops,
    "  return sum;",
    "}",
    "",
  ].join("\n");
}
