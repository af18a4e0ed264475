import type { Spec } from "../../engine/core/spec.ts";
import type { Limits, WebGpuPlan } from "../../engine/kernel.ts";
import { rowLaunch, rowsOf } from "../reduce/rows.ts";
import type { LayerNormAttrs } from "./kernel.ts";
import source from "./layernorm.wgsl" with { type: "text" };
import backwardSource from "./layernorm_backward.wgsl" with { type: "text" };

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

/** One workgroup a row; a header says whether there are weight and bias. */
export function layernormWebGpu(inputs: readonly Spec[], attrs: LayerNormAttrs, limits: Limits): WebGpuPlan {
  const launch = {
    source: (attrs.affine ? AFFINE : PLAIN) + source,
    overrides: { EPS: attrs.eps },
    bindings: attrs.affine ? [0, 3, 1, 2] : [0, 1],
  };
  return { launches: [rowLaunch(rowsOf("layernorm", inputs[0]), limits, launch)] };
}

/** One workgroup a row. */
export function layernormBackwardWebGpu(
  inputs: readonly Spec[],
  attrs: LayerNormAttrs,
  limits: Limits,
): WebGpuPlan {
  const launch = {
    source: (attrs.affine ? WEIGHTED : UNWEIGHTED) + backwardSource,
    overrides: { EPS: attrs.eps },
    bindings: attrs.affine ? [0, 1, 3, 4, 5, 2] : [0, 1, 2, 3, 4],
  };
  return { launches: [rowLaunch(rowsOf("layernorm_backward", inputs[1]), limits, launch)] };
}
