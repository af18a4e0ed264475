import { f32, type Spec } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import backwardSource from "./attention_backward.wgsl" with { type: "text" };
import deltaSource from "./attention_backward_delta.wgsl" with { type: "text" };
import keysSource from "./attention_backward_keys.wgsl" with { type: "text" };
import queriesSource from "./attention_backward_queries.wgsl" with { type: "text" };
import sinksSource from "./attention_backward_sinks.wgsl" with { type: "text" };
import storeApart from "./attention_backward_store_apart.wgsl" with { type: "text" };
import storePacked from "./attention_backward_store_packed.wgsl" with { type: "text" };
import flashSource from "./attention_flash.wgsl" with { type: "text" };
import inputsSource from "./attention_inputs.wgsl" with { type: "text" };
import naiveSource from "./attention_naive.wgsl" with { type: "text" };
import tilesSource from "./attention_tiles.wgsl" with { type: "text" };
import { type AttentionAttrs, type Geometry, geometryOf } from "./geometry.ts";

/** Lanes along each side of a tile's workgroup. */
const SIDE = 8;
const NAIVE_WORKGROUP = 64;

/** The tiled forward pass: one launch. */
export function attentionWebGpu(inputs: readonly Spec[], attrs: AttentionAttrs, limits: Limits): WebGpuPlan {
  const g = geometryOf(inputs, attrs);
  const { grid, rowsPerLane, overrides } = tiling(g, g.heads, limits);
  const source = tileHeader(g, rowsPerLane) + inputsSource + tilesSource + flashSource;
  return {
    launches: [{
      source,
      overrides: { ...inputOverrides(g, attrs), ...overrides, has_sinks: Number(attrs.sinks) },
      bindings: [...readSlots(g), slotOr(g.sinks, g), g.inputs, g.inputs + 1],
      groups: grid,
    }],
  };
}

/** The first version in teaching order: one invocation a query row. */
export function attentionNaiveWebGpu(
  inputs: readonly Spec[],
  attrs: AttentionAttrs,
  limits: Limits,
): WebGpuPlan {
  const g = geometryOf(inputs, attrs);
  const rows = g.batch * g.heads * g.tokens;
  return {
    launches: [{
      source: wgslHeader({ HEAD_DIM: g.headDim }) + inputsSource + naiveSource,
      overrides: {
        ...inputOverrides(g, attrs),
        workgroup_size: NAIVE_WORKGROUP,
        rows,
        has_sinks: Number(attrs.sinks),
      },
      bindings: [...readSlots(g), slotOr(g.sinks, g), g.inputs, g.inputs + 1],
      groups: gridOf(Math.ceil(rows / NAIVE_WORKGROUP), limits),
    }],
  };
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
  const launches = [
    deltaLaunch(g, inputs.length > g.inputs + 3, stats, limits),
    queriesLaunch(g, attrs, stats, gradients[0], limits),
    keysLaunch(g, attrs, stats, gradients, limits),
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

function deltaLaunch(g: Geometry, hasLseGrad: boolean, stats: number, limits: Limits): Launch {
  const rows = g.batch * g.heads * g.tokens;
  const [out, lse, grad] = [g.inputs, g.inputs + 1, g.inputs + 2];
  return {
    source: deltaSource,
    overrides: {
      workgroup_size: NAIVE_WORKGROUP,
      rows,
      tokens: g.tokens,
      heads: g.heads,
      head_dim: g.headDim,
      has_lse_grad: Number(hasLseGrad),
    },
    bindings: [out, grad, lse, hasLseGrad ? grad + 1 : lse, stats],
    groups: gridOf(Math.ceil(rows / NAIVE_WORKGROUP), limits),
  };
}

function queriesLaunch(
  g: Geometry,
  attrs: AttentionAttrs,
  stats: number,
  dq: number,
  limits: Limits,
): Launch {
  const { grid, rowsPerLane, overrides } = tiling(g, g.heads, limits);
  return {
    source: tileHeader(g, rowsPerLane) + inputsSource + tilesSource + backwardSource + queriesSource,
    overrides: { ...inputOverrides(g, attrs), ...overrides, rows: g.batch * g.heads * g.tokens },
    bindings: [...readSlots(g), stats, g.inputs + 2, dq],
    groups: grid,
  };
}

function keysLaunch(
  g: Geometry,
  attrs: AttentionAttrs,
  stats: number,
  gradients: readonly number[],
  limits: Limits,
): Launch {
  const { grid, rowsPerLane, overrides } = tiling(g, g.kvHeads, limits);
  const store = attrs.packed ? storePacked : storeApart;
  return {
    source: tileHeader(g, rowsPerLane) + inputsSource + tilesSource + backwardSource + store + keysSource,
    overrides: { ...inputOverrides(g, attrs), ...overrides, rows: g.batch * g.heads * g.tokens },
    bindings: [...readSlots(g), stats, g.inputs + 2, ...(attrs.packed ? gradients : gradients.slice(1))],
    groups: grid,
  };
}

/** Values of the overrides in `attention_inputs.wgsl`. */
function inputOverrides(g: Geometry, { block, causal, window }: AttentionAttrs): Record<string, number> {
  return {
    tokens: g.tokens,
    heads: g.heads,
    kv_heads: g.kvHeads,
    q_stride: g.qStride,
    kv_stride: g.kvStride,
    k_offset: g.kOffset,
    v_offset: g.vOffset,
    rotate: Number(block > 0),
    partner_distance: Math.max(1, block / 2),
    score_scale: 1 / Math.sqrt(g.headDim),
    causal: Number(causal),
    window,
  };
}

/** Slots of q, k, v and the table. An input that is absent is never read: any buffer serves as its binding. */
function readSlots(g: Geometry): number[] {
  return [g.q, g.k, g.v, slotOr(g.table, g)];
}

function slotOr(slot: number, g: Geometry): number {
  return slot < 0 ? g.q : slot;
}

function tileHeader(g: Geometry, rowsPerLane: number): string {
  return wgslHeader({ HEAD_DIM: g.headDim, ROWS: rowsPerLane });
}

/**
 * Wide heads get fewer rows a lane, so that the sums of a lane stay in registers; short sequences get no more rows
 * than there are tokens.
 */
function tiling(
  g: Geometry,
  heads: number,
  limits: Limits,
): { grid: Launch["groups"]; rowsPerLane: number; overrides: Record<string, number> } {
  const most = g.headDim <= 80 ? 4 : g.headDim <= 160 ? 2 : 1;
  const rowsPerLane = Math.min(most, Math.ceil(g.tokens / SIDE));
  const blocks = Math.ceil(g.tokens / (SIDE * rowsPerLane));
  const total = g.batch * heads * blocks;
  return { grid: gridOf(total, limits), rowsPerLane, overrides: { blocks, total_groups: total } };
}
