import type { Spec } from "../../engine/core/spec.ts";
import type { Limits, WebGpuPlan } from "../../engine/kernel.ts";
import { type RowKernel, rowLaunch, rowsOf } from "../reduce/rows.ts";
import type { LayerNormAttrs } from "./kernel.ts";
import source from "./layernorm.wgsl" with { type: "text" };
import backwardSource from "./layernorm_backward.wgsl" with { type: "text" };
import momentsSource from "./moments.wgsl" with { type: "text" };

const PLAIN = `fn affine(c: u32, v: f32) -> f32 { return v; }
`;

const AFFINE = `@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
fn affine(c: u32, v: f32) -> f32 { return v * weight[c] + bias[c]; }
`;

const UNWEIGHTED = `fn weighted(c: u32, g: f32) -> f32 { return g; }
`;

const WEIGHTED = `@group(0) @binding(5) var<storage, read> weight: array<f32>;
fn weighted(c: u32, g: f32) -> f32 { return g * weight[c]; }
`;

/** One launch; a header says whether there are weight and bias. */
export function layernormWebGpu(inputs: readonly Spec[], attrs: LayerNormAttrs, limits: Limits): WebGpuPlan {
  const kernel: RowKernel = {
    source: momentsSource + (attrs.affine ? AFFINE : PLAIN) + source,
    partial: "vec2f",
    overrides: { EPS: attrs.eps },
    bindings: attrs.affine ? [0, 3, 1, 2] : [0, 1],
  };
  return { launches: [rowLaunch(rowsOf("layernorm", inputs[0]), limits, kernel)] };
}

/** One launch. */
export function layernormBackwardWebGpu(
  inputs: readonly Spec[],
  attrs: LayerNormAttrs,
  limits: Limits,
): WebGpuPlan {
  const kernel: RowKernel = {
    source: momentsSource + (attrs.affine ? WEIGHTED : UNWEIGHTED) + backwardSource,
    partial: "vec2f",
    overrides: { EPS: attrs.eps },
    bindings: attrs.affine ? [0, 1, 3, 4, 5, 2] : [0, 1, 2, 3, 4],
  };
  return { launches: [rowLaunch(rowsOf("layernorm_backward", inputs[1]), limits, kernel)] };
}
