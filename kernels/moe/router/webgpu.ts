import type { Spec } from "../../../engine/core/spec.ts";
import { wgslHeader } from "../../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Limits, type WebGpuPlan } from "../../../engine/kernel.ts";
import { normalizes, type RouteAttrs } from "./attrs.ts";
import router from "./router.wgsl" with { type: "text" };
import routerBackward from "./router_backward.wgsl" with { type: "text" };

const WORKGROUP = 64;

/** One lane a token of logits, bias -> indices, weights. */
export function routeWebGpu(logits: Spec, attrs: RouteAttrs, limits: Limits): WebGpuPlan {
  const [TOKENS, EXPERTS] = logits.shape;
  const { groups: GROUPS, topkGroups: KEPT_GROUPS, topk: TOPK, scaling: SCALING } = attrs;
  return {
    launches: [{
      source: wgslHeader({ EXPERTS, GROUPS, KEPT_GROUPS, TOPK }) + router,
      overrides: { TOKENS, SCALING, NORMALIZE: Number(normalizes(attrs)) },
      bindings: [0, 1, 2, 3],
      groups: gridOf(Math.ceil(TOKENS / WORKGROUP), limits),
    }],
  };
}

/** One lane a token of logits, indices, grad -> gradient of the logits. */
export function routeBackwardWebGpu(
  logits: Spec,
  indices: Spec,
  { scaling, normalize }: { scaling: number; normalize: boolean },
  limits: Limits,
): WebGpuPlan {
  const [TOKENS, EXPERTS] = logits.shape;
  return {
    launches: [{
      source: wgslHeader({ TOPK: indices.shape[1] }) + routerBackward,
      overrides: { TOKENS, EXPERTS, SCALING: scaling, NORMALIZE: Number(normalize) },
      bindings: [0, 1, 2, 3],
      groups: gridOf(Math.ceil(TOKENS / WORKGROUP), limits),
    }],
  };
}
