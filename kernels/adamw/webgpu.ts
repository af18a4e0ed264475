import { f32 } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import adamw from "./adamw.wgsl" with { type: "text" };
import adamwAdvance from "./adamw_advance.wgsl" with { type: "text" };
import adamwEma from "./adamw_ema.wgsl" with { type: "text" };
import { type AdamwAttrs, type AdamwSizes, COEFFICIENTS } from "./attrs.ts";
import ema from "./ema.wgsl" with { type: "text" };

const WORKGROUP = 256;
const GROUPS_PER_WORKGROUP = 64;

/** Two launches: the groups' counters and coefficients, then the elements. */
export function adamwWebGpu(
  { groups, each }: AdamwSizes,
  attrs: AdamwAttrs,
  withEma: boolean,
  limits: Limits,
): WebGpuPlan {
  const [PARAM, M, V, STEPS, CORRECTION, GRAD, HYPER, GATE, ACTIVE, EMA] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const coefficients = withEma ? 10 : 9;
  const rest = { REST1: 1 - attrs.beta1, REST2: 1 - attrs.beta2 };
  const advance: Launch = {
    source: adamwAdvance,
    overrides: { GROUPS: groups, ...rest, WEIGHT_DECAY: attrs.weightDecay },
    bindings: [STEPS, CORRECTION, HYPER, GATE, ACTIVE, coefficients],
    groups: gridOf(Math.ceil(groups / GROUPS_PER_WORKGROUP), limits),
  };
  const sizes = { SIZE: groups * each, EACH: each, ...rest, EPS: attrs.eps };
  const update: Launch = {
    source: withEma ? adamwEma : adamw,
    overrides: withEma ? { ...sizes, EMA_REST: 1 - attrs.emaDecay! } : sizes,
    bindings: [PARAM, M, V, GRAD, ...(withEma ? [EMA] : []), coefficients],
    groups: gridOf(Math.ceil(groups * each / WORKGROUP), limits),
  };
  return { launches: [advance, update], scratch: [f32(groups, COEFFICIENTS)] };
}

/** One lane an element. */
export function emaWebGpu(size: number, decay: number, limits: Limits): WebGpuPlan {
  return {
    launches: [{
      source: ema,
      overrides: { SIZE: size, REST: 1 - decay },
      bindings: [0, 1, 2],
      groups: gridOf(Math.ceil(size / WORKGROUP), limits),
    }],
  };
}
