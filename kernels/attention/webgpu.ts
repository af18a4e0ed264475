import { f32, type Spec } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import deltaSource from "./attention_backward_delta.wgsl" with { type: "text" };
import sinksSource from "./attention_backward_sinks.wgsl" with { type: "text" };
import { type AttentionAttrs, type Geometry, geometryOf } from "./geometry.ts";
import { slotOr } from "./webgpu_overrides.ts";
import { SCALAR_VERSION } from "./webgpu_scalar.ts";
import { backwardLaunches, flashLaunch } from "./webgpu_tiled.ts";
import { fitsVectors, VECTOR_VERSION } from "./webgpu_vec4.ts";

const DELTA_WORKGROUP = 64;

/** The tiled forward pass: one launch. */
export function attentionWebGpu(inputs: readonly Spec[], attrs: AttentionAttrs, limits: Limits): WebGpuPlan {
  const g = geometryOf(inputs, attrs);
  const version = fitsVectors(g, attrs) ? VECTOR_VERSION : SCALAR_VERSION;
  return { launches: [flashLaunch(version, g, attrs, limits)] };
}

/** Four launches at most: row statistics, dQ, dK with dV, and the gradient of the sinks. */
export function attentionBackwardWebGpu(
  inputs: readonly Spec[],
  attrs: AttentionAttrs,
  limits: Limits,
): WebGpuPlan {
  const g = geometryOf(inputs, attrs);
  const outputs = inputs.length;
  const gradients = attrs.packed ? [outputs] : [outputs, outputs + 1, outputs + 2];
  const sinks = outputs + gradients.length;
  const stats = sinks + Number(attrs.sinks);
  const inVectors = fitsVectors(g, attrs);
  const version = inVectors ? VECTOR_VERSION : SCALAR_VERSION;
  const launches = [
    deltaLaunch(g, inputs.length > g.inputs + 3, stats, inVectors, limits),
    ...backwardLaunches(version, g, attrs, stats, gradients, limits),
  ];
  if (attrs.sinks) {
    launches.push({
      source: sinksSource,
      overrides: { batch: g.batch, tokens: g.tokens, heads: g.heads },
      bindings: [g.sinks, stats, sinks],
      groups: gridOf(g.heads, limits),
    });
  }
  return { launches, scratch: [f32(2, g.batch, g.heads, g.tokens)] };
}

function deltaLaunch(
  g: Geometry,
  hasLseGrad: boolean,
  stats: number,
  inVectors: boolean,
  limits: Limits,
): Launch {
  const rows = g.batch * g.heads * g.tokens;
  const [out, lse, grad] = [g.inputs, g.inputs + 1, g.inputs + 2];
  return {
    source: wgslHeader({ Element: inVectors ? "vec4f" : "f32", IN_VECTORS: inVectors }) + deltaSource,
    overrides: {
      workgroup_size: DELTA_WORKGROUP,
      rows,
      tokens: g.tokens,
      heads: g.heads,
      elements: inVectors ? g.headDim / 4 : g.headDim,
      has_lse_grad: Number(hasLseGrad),
    },
    bindings: [out, grad, lse, slotOr(hasLseGrad ? grad + 1 : -1, lse), stats],
    groups: gridOf(Math.ceil(rows / DELTA_WORKGROUP), limits),
  };
}
