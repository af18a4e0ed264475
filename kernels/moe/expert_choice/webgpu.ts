import type { Spec } from "../../../engine/core/spec.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../../engine/kernel.ts";
import choose from "./expert_choice.wgsl" with { type: "text" };
import kth from "./kth_largest.wgsl" with { type: "text" };
import select from "./select.wgsl" with { type: "text" };
import { choiceSizes, columnSizes, type ExpertChoiceAttrs } from "./layout.ts";

/** One launch, one workgroup for each expert of each group. */
export function choiceWebGpu(inputs: readonly Spec[], attrs: ExpertChoiceAttrs, limits: Limits): WebGpuPlan {
  const { tokens: TOKENS, experts: EXPERTS, rows: ROWS } = choiceSizes(inputs, attrs);
  const { groups: GROUPS, most: MOST, tile: TILE } = attrs;
  return {
    launches: [{
      source: select + choose,
      overrides: { EXPERTS, TOKENS, GROUPS, MOST, TILE, ROWS },
      bindings: [0, 1, 2, 3, 4, 5, 6],
      groups: gridOf(GROUPS * EXPERTS, limits),
    }],
  };
}

/** One launch, one workgroup an expert. */
export function kthWebGpu(inputs: readonly Spec[]): WebGpuPlan {
  const { tokens: TOKENS, experts: EXPERTS } = columnSizes("kth_largest", inputs);
  return {
    launches: [{
      source: select + kth,
      overrides: { EXPERTS, TOKENS },
      bindings: [0, 1, 2],
      groups: [EXPERTS, 1, 1],
    }],
  };
}
