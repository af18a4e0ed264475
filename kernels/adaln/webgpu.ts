import { f32 } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import moments from "../layernorm/moments.wgsl" with { type: "text" };
import { rowLaunch } from "../reduce/rows.ts";
import { variantsOf } from "../variants.ts";
import columns from "./columns.wgsl" with { type: "text" };
import normBackward from "./norm_backward.wgsl" with { type: "text" };
import normColumns from "./norm_columns.wgsl" with { type: "text" };
import norm from "./norm.wgsl" with { type: "text" };
import residual from "./residual.wgsl" with { type: "text" };
import residualColumns from "./residual_columns.wgsl" with { type: "text" };
import type {
  AdaLnNormAttrs,
  AdaLnNormBackwardAttrs,
  AdaLnResidualAttrs,
  AdaLnResidualBackwardAttrs,
  AdaLnSizes,
} from "./sizes.ts";

/** Channels of a workgroup that sums over tokens. */
const COLUMNS = 64;

/** One launch over rows. */
export function normWebGpu(
  sizes: AdaLnSizes,
  { shift, scale, eps }: AdaLnNormAttrs,
  limits: Limits,
): WebGpuPlan {
  const { batch, tokens, width, parts } = sizes;
  return {
    launches: [rowLaunch({ rows: batch * tokens, width }, limits, {
      source: moments + norm,
      partial: "vec2f",
      overrides: { EPS: eps, TOKENS: tokens, PARTS: parts, SHIFT: shift, SCALE: scale },
      bindings: [0, 1, 2],
    })],
  };
}

/** One launch over rows for x, one over columns for the vectors. */
export function normBackwardWebGpu(
  sizes: AdaLnSizes,
  { shift, scale, eps, beforeX, beforeVectors }: AdaLnNormBackwardAttrs,
  limits: Limits,
): WebGpuPlan {
  const { batch, tokens, width, parts } = sizes;
  const inputs = 3 + Number(beforeX) + Number(beforeVectors);
  const [dx, dVectors, stored] = [inputs, inputs + 1, inputs + 2];
  const rows = rowLaunch({ rows: batch * tokens, width }, limits, {
    source: earlier(beforeX, 5) + moments + normBackward,
    partial: "vec2f",
    overrides: { EPS: eps, TOKENS: tokens, PARTS: parts, SCALE: scale },
    bindings: [0, 1, 2, dx, stored, ...(beforeX ? [3] : [])],
  });
  const sums = columnLaunch(sizes, limits, {
    source: earlier(beforeVectors, 4) + normColumns,
    overrides: { SHIFT: shift, SCALE: scale },
    bindings: [0, 1, stored, dVectors, ...(beforeVectors ? [inputs - 1] : [])],
  });
  return { launches: [rows, sums], scratch: [f32(batch * tokens, 2)] };
}

/** One lane an element. */
export function residualWebGpu(sizes: AdaLnSizes, { gate }: AdaLnResidualAttrs, limits: Limits): WebGpuPlan {
  const { batch, tokens, width, parts } = sizes;
  const size = batch * tokens * width;
  return {
    launches: [{
      source: residual,
      overrides: { TOKENS: tokens, WIDTH: width, PARTS: parts, GATE: gate, SIZE: size },
      bindings: [0, 1, 2, 3],
      groups: gridOf(Math.ceil(size / 64), limits),
    }],
  };
}

/** One launch over columns. */
export function residualBackwardWebGpu(
  sizes: AdaLnSizes,
  { gate, beforeVectors }: AdaLnResidualBackwardAttrs,
  limits: Limits,
): WebGpuPlan {
  const dy = 3 + Number(beforeVectors);
  return {
    launches: [columnLaunch(sizes, limits, {
      source: earlier(beforeVectors, 5) + residualColumns,
      overrides: { GATE: gate },
      bindings: [0, 1, 2, dy, dy + 1, ...(beforeVectors ? [3] : [])],
    })],
  };
}

function columnLaunch(
  { batch, tokens, width, parts }: AdaLnSizes,
  limits: Limits,
  { source, overrides, bindings }: Pick<Launch, "source" | "overrides" | "bindings">,
): Launch {
  const { groupsOfColumns } = variantsOf(limits);
  const sizes = { BATCH: batch, TOKENS: tokens, WIDTH: width, PARTS: parts };
  return {
    source: wgslHeader({ GROUPS: groupsOfColumns, LANES: COLUMNS * groupsOfColumns }) + source + columns,
    overrides: { ...sizes, ...overrides },
    bindings,
    groups: gridOf(batch * Math.ceil(width / COLUMNS), limits),
  };
}

/** What is added to a gradient: the earlier one at `binding`, or nothing. */
function earlier(given: boolean, binding: number): string {
  if (!given) return "fn earlier(at: u32) -> f32 { return 0.0; }\n";
  return `@group(0) @binding(${binding}) var<storage, read> before: array<f32>;
fn earlier(at: u32) -> f32 { return before[at]; }
`;
}
