import { gridOf, type Limits, type WebGpuPlan } from "../../engine/kernel.ts";
import adamw from "./adamw.wgsl" with { type: "text" };
import adamwAdvance from "./adamw_advance.wgsl" with { type: "text" };
import adamwEma from "./adamw_ema.wgsl" with { type: "text" };
import type { AdamwAttrs, AdamwSizes, AdvanceAttrs } from "./attrs.ts";
import ema from "./ema.wgsl" with { type: "text" };

const WORKGROUP = 256;
const SLOTS_PER_WORKGROUP = 64;

/** One lane a slot. */
export function advanceWebGpu(slots: number, { beta1, beta2 }: AdvanceAttrs, limits: Limits): WebGpuPlan {
  return {
    launches: [{
      source: adamwAdvance,
      overrides: { SLOTS: slots, REST1: 1 - beta1, REST2: 1 - beta2 },
      bindings: [0, 1, 2, 3, 4, 5, 6, 7],
      groups: gridOf(Math.ceil(slots / SLOTS_PER_WORKGROUP), limits),
    }],
  };
}

/** One lane an element. */
export function adamwWebGpu(
  { size, line }: AdamwSizes,
  { beta1, beta2, eps, emaDecay }: AdamwAttrs,
  withEma: boolean,
  limits: Limits,
): WebGpuPlan {
  const overrides = { SIZE: size, LINE: line, REST1: 1 - beta1, REST2: 1 - beta2, EPS: eps };
  return {
    launches: [{
      source: withEma ? adamwEma : adamw,
      overrides: withEma ? { ...overrides, EMA_REST: 1 - emaDecay! } : overrides,
      bindings: withEma ? [0, 1, 2, 3, 6, 4, 5] : [0, 1, 2, 3, 4, 5],
      groups: gridOf(Math.ceil(size / WORKGROUP), limits),
    }],
  };
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
