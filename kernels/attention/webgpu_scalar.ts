import type { Spec } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import backwardSource from "./attention_backward.wgsl" with { type: "text" };
import keysSource from "./attention_backward_keys.wgsl" with { type: "text" };
import queriesSource from "./attention_backward_queries.wgsl" with { type: "text" };
import storeApart from "./attention_backward_store_apart.wgsl" with { type: "text" };
import storePacked from "./attention_backward_store_packed.wgsl" with { type: "text" };
import flashSource from "./attention_flash.wgsl" with { type: "text" };
import inputsSource from "./attention_inputs.wgsl" with { type: "text" };
import naiveSource from "./attention_naive.wgsl" with { type: "text" };
import tilesSource from "./attention_tiles.wgsl" with { type: "text" };
import visibleSource from "./attention_visible.wgsl" with { type: "text" };
import { type AttentionAttrs, type Geometry, geometryOf } from "./geometry.ts";
import { inputOverrides, readSlots, slotOr } from "./webgpu_overrides.ts";

/** Lanes along each side of a tile's workgroup. */
const SIDE = 8;
const NAIVE_WORKGROUP = 64;

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
      source: wgslHeader({ HEAD_DIM: g.headDim }) + visibleSource + inputsSource + naiveSource,
      overrides: {
        ...inputOverrides(g, attrs, 1),
        workgroup_size: NAIVE_WORKGROUP,
        rows,
        has_sinks: Number(attrs.sinks),
      },
      bindings: [...readSlots(g), slotOr(g.sinks, g.q), g.inputs, g.inputs + 1],
      groups: gridOf(Math.ceil(rows / NAIVE_WORKGROUP), limits),
    }],
  };
}

/** The second version: tiles, moved element by element, for heads that vectors do not fit. */
export function scalarFlash(g: Geometry, attrs: AttentionAttrs, limits: Limits): Launch {
  const { grid, header, overrides } = tiling(g, g.heads, limits);
  return {
    source: header + flashSource,
    overrides: { ...inputOverrides(g, attrs, 1), ...overrides, has_sinks: Number(attrs.sinks) },
    bindings: [...readSlots(g), slotOr(g.sinks, g.q), g.inputs, g.inputs + 1],
    groups: grid,
  };
}

/**
 * The launches for dQ and for dK with dV in that version.
 *
 * @param stats slot of `f32[2, B, H, N]`: log-sum-exp and delta
 * @param gradients slots of the gradients of q, k and v, or of all three packed
 */
export function scalarBackward(
  g: Geometry,
  attrs: AttentionAttrs,
  stats: number,
  gradients: readonly number[],
  limits: Limits,
): Launch[] {
  const launch = (heads: number, sources: string, outputs: readonly number[]): Launch => {
    const { grid, header, overrides } = tiling(g, heads, limits);
    return {
      source: header + backwardSource + sources,
      overrides: { ...inputOverrides(g, attrs, 1), ...overrides, rows: g.batch * g.heads * g.tokens },
      bindings: [...readSlots(g), stats, g.inputs + 2, ...outputs],
      groups: grid,
    };
  };
  const store = wgslHeader({ Element: "f32" }) + (attrs.packed ? storePacked : storeApart);
  return [
    launch(g.heads, queriesSource, gradients.slice(0, 1)),
    launch(g.kvHeads, store + keysSource, attrs.packed ? gradients : gradients.slice(1)),
  ];
}

/**
 * Wide heads get fewer rows a lane, so that the sums of a lane stay in registers; short sequences get no more rows
 * than there are tokens.
 */
function tiling(
  g: Geometry,
  heads: number,
  limits: Limits,
): { grid: Launch["groups"]; header: string; overrides: Record<string, number> } {
  const most = g.headDim <= 80 ? 4 : g.headDim <= 160 ? 2 : 1;
  const rows = Math.min(most, Math.ceil(g.tokens / SIDE));
  const blocks = Math.ceil(g.tokens / (SIDE * rows));
  const total = g.batch * heads * blocks;
  return {
    grid: gridOf(total, limits),
    header: wgslHeader({ HEAD_DIM: g.headDim, ROWS: rows }) + visibleSource + inputsSource + tilesSource,
    overrides: { blocks, total_groups: total },
  };
}
