import { f32, type Spec } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import { lanesOfTile } from "../variants.ts";
import deltaSource from "./attention_backward_delta.wgsl" with { type: "text" };
import sinksSource from "./attention_backward_sinks.wgsl" with { type: "text" };
import { type AttentionAttrs, type Geometry, geometryOf } from "./geometry.ts";
import { slotOr } from "./webgpu_overrides.ts";
import { SCALAR_VERSION } from "./webgpu_scalar.ts";
import { SUBGROUP_VERSION } from "./webgpu_subgroup.ts";
import { backwardLaunches, flashLaunch, SIDE, type TiledVersion } from "./webgpu_tiled.ts";
import { type Call, turnAhead, turnBack, type Turned } from "./webgpu_turned.ts";
import { fitsVectors, VECTOR_VERSION } from "./webgpu_vec4.ts";

const DELTA_WORKGROUP = 64;

/** The tiled forward pass: one launch, behind those that turn q and k where that is done apart. */
export function attentionWebGpu(inputs: readonly Spec[], attrs: AttentionAttrs, limits: Limits): WebGpuPlan {
  const g = geometryOf(inputs, attrs);
  const version = versionOf(g, attrs, limits);
  if (!turnsApart(version, attrs)) return { launches: [flashLaunch(version, g, attrs, limits)] };
  const { launches, scratch, call } = turnAhead({ g, inputs, attrs }, inputs.length + 2, limits);
  return { launches: [...launches, flashLaunch(version, call.g, call.attrs, limits)], scratch };
}

/** Four launches at most, and those that turn q, k and their gradients: row statistics, dQ, dK with dV, and sinks. */
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
  const products = productLaunches({ g, inputs, attrs }, stats, gradients, limits);
  const launches = [
    deltaLaunch(g, inputs.length > g.inputs + 3, stats, fitsVectors(g, attrs), limits),
    ...products.launches,
  ];
  if (attrs.sinks) {
    launches.push({
      source: sinksSource,
      overrides: { batch: g.batch, tokens: g.tokens, heads: g.heads },
      bindings: [g.sinks, stats, sinks],
      groups: gridOf(g.heads, limits),
    });
  }
  return { launches, scratch: [f32(2, g.batch, g.heads, g.tokens), ...products.scratch] };
}

/** The launches for dQ, dK and dV, between those that turn what they read and write where that is done apart. */
function productLaunches(call: Call, stats: number, gradients: readonly number[], limits: Limits): Turned {
  const { g, attrs } = call;
  const version = versionOf(g, attrs, limits);
  if (!turnsApart(version, attrs)) {
    return { launches: backwardLaunches(version, g, attrs, stats, gradients, limits), scratch: [] };
  }
  const ahead = turnAhead(call, stats + 1, limits);
  const back = turnBack(call, stats + 1 + ahead.scratch.length, gradients, limits);
  const launches = backwardLaunches(version, ahead.call.g, ahead.call.attrs, stats, back.gradients, limits);
  return {
    launches: [...ahead.launches, ...launches, ...back.launches],
    scratch: [...ahead.scratch, ...back.scratch],
  };
}

function versionOf(g: Geometry, attrs: AttentionAttrs, limits: Limits): TiledVersion {
  if (!fitsVectors(g, attrs)) return SCALAR_VERSION;
  return lanesOfTile(limits) === SIDE ? SUBGROUP_VERSION : VECTOR_VERSION;
}

/** Whether q and k are turned once, in launches of their own: few rows share a column that is loaded. */
function turnsApart(version: TiledVersion, { block }: AttentionAttrs): boolean {
  return version === SUBGROUP_VERSION && block > 0;
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
