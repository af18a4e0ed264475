import type { Spec } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import backwardSource from "./attention_backward.wgsl" with { type: "text" };
import keysSource from "./attention_backward_keys.wgsl" with { type: "text" };
import queriesSource from "./attention_backward_queries.wgsl" with { type: "text" };
import flashSource from "./attention_flash.wgsl" with { type: "text" };
import inputsSource from "./attention_inputs.wgsl" with { type: "text" };
import naiveSource from "./attention_naive.wgsl" with { type: "text" };
import tilesSource from "./attention_tiles.wgsl" with { type: "text" };
import visibleSource from "./attention_visible.wgsl" with { type: "text" };
import { type AttentionAttrs, type Geometry, geometryOf } from "./geometry.ts";
import { inputOverrides, readSlots, slotOr } from "./webgpu_overrides.ts";
import { SIDE, type Tile, type TiledVersion } from "./webgpu_tiled.ts";

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
export const SCALAR_VERSION: TiledVersion = {
  size: 1,
  element: "f32",
  prelude: inputsSource + tilesSource,
  flash: flashSource,
  backward: backwardSource,
  queries: queriesSource,
  keys: keysSource,
  tile: tileOf,
};

/**
 * Wide heads get fewer rows a lane, so that the sums of a lane stay in registers; short sequences get no more rows
 * than there are tokens.
 */
function tileOf({ headDim, tokens }: Geometry): Tile {
  const most = headDim <= 80 ? 4 : headDim <= 160 ? 2 : 1;
  const rows = Math.min(most, Math.ceil(tokens / SIDE));
  return { rows: SIDE * rows, constants: { HEAD_DIM: headDim, ROWS: rows } };
}
