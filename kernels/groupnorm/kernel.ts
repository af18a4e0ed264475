import { sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { checkGradient } from "../reduce/rows.ts";
import { groupnormBackwardCpu, groupnormCpu } from "./cpu.ts";
import { checkChannels, groupsOf } from "./geometry.ts";
import { groupnormBackwardReference, groupnormReference } from "./reference.ts";
import { groupnormBackwardWebGpu, groupnormWebGpu } from "./webgpu.ts";

/** Attributes of group normalisation. */
export interface GroupNormAttrs {
  /** Groups that the channels are divided into. */
  readonly groups: number;
  /** Added to the variance. */
  readonly eps: number;
}

/** The `groupnorm` kernel: `f32[B, C, ..]`, weight and bias `f32[C]` to `f32[B, C, ..]`. */
export const GROUPNORM: Kernel<GroupNormAttrs> = {
  name: "groupnorm",
  infer(inputs, { groups }) {
    expectDTypes("groupnorm", inputs, ["f32", "f32", "f32"]);
    groupsOf("groupnorm", inputs[0], groups);
    checkChannels("groupnorm", inputs[0], inputs.slice(1));
    return [inputs[0]];
  },
  // Mean 1; difference, its square and two sums 4; correction and scale 2; weight and bias 2.
  cost: (inputs) => streamingCost(inputs, [inputs[0]], 9 * sizeOf(inputs[0].shape)),
  reference: (inputs, [y], attrs) => groupnormReference(inputs, y, attrs),
  webgpu: groupnormWebGpu,
  cpu: groupnormCpu,
  vjp({ inputs: [x, weight], grads: [grad], needs, attrs }) {
    if (!grad || !needs.some((need) => need)) return [null, null, null];
    const gradients = apply(GROUPNORM_BACKWARD, [grad, x, weight], attrs);
    return gradients.map((gradient, i) => needs[i] ? gradient : null);
  },
};

/** The `groupnorm_backward` kernel: gradient and input `f32[B, C, ..]`, weight `f32[C]` to the three gradients. */
export const GROUPNORM_BACKWARD: Kernel<GroupNormAttrs> = {
  name: "groupnorm_backward",
  infer(inputs, { groups }) {
    expectDTypes("groupnorm_backward", inputs, ["f32", "f32", "f32"]);
    const [grad, x, weight] = inputs;
    groupsOf("groupnorm_backward", x, groups);
    checkGradient("groupnorm_backward", grad, x);
    checkChannels("groupnorm_backward", x, [weight]);
    return backwardOutputs(inputs);
  },
  // Statistics 5, normalised element 3, two sums 3, gradient of the normalised element 1, result 4.
  cost: (inputs) => streamingCost(inputs, backwardOutputs(inputs), 16 * sizeOf(inputs[1].shape)),
  reference: groupnormBackwardReference,
  webgpu: groupnormBackwardWebGpu,
  cpu: groupnormBackwardCpu,
};

function backwardOutputs([, x, weight]: readonly Spec[]): readonly Spec[] {
  return [x, weight, weight];
}
