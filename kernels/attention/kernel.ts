import { f32, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Cost, type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { full } from "../elementwise/mod.ts";
import { attentionCpu } from "./cpu.ts";
import { attentionBackwardCpu } from "./cpu_backward.ts";
import {
  type AttentionAttrs,
  checkedGeometry,
  expectShape,
  type Geometry,
  geometryOf,
  outputsOf,
  visiblePairs,
} from "./geometry.ts";
import { attentionBackwardReference, attentionReference } from "./reference.ts";
import { attentionBackwardWebGpu, attentionWebGpu } from "./webgpu.ts";

/** Operations on one score beside the matrix products: scale, maximum, difference, exponential, sum. */
const SOFTMAX_FLOPS = 5;
/** The same in the backward pass: scale, difference, exponential, and `p (dP - delta)` with its scale. */
const SOFTMAX_BACKWARD_FLOPS = 6;

/** The `attention` kernel: `out` and, for the backward pass, the log-sum-exp of every row. */
export const ATTENTION: Kernel<AttentionAttrs> = {
  name: "attention",
  infer: (inputs, attrs) => outputsOf(checkedGeometry("compute attention", inputs, attrs), inputs),
  cost(inputs, attrs) {
    const g = geometryOf(inputs, attrs);
    return costOf(inputs, outputsOf(g, inputs), g, attrs, 4 * g.headDim + SOFTMAX_FLOPS);
  },
  reference: attentionReference,
  webgpu: attentionWebGpu,
  cpu: attentionCpu,
  vjp({ inputs, outputs: [out, lse], grads: [dOut, dLse], attrs, needs }) {
    const grad = dOut ?? full(out.device, out.shape, 0);
    const rest: Tensor[] = dLse ? [out, lse, grad, dLse] : [out, lse, grad];
    const found = apply(ATTENTION_BACKWARD, [...inputs, ...rest], attrs);
    const operands = attrs.packed ? 1 : 3;
    const gradients: (Tensor | null)[] = found.slice(0, operands);
    if (attrs.block > 0) gradients.push(null);
    gradients.push(...found.slice(operands));
    return gradients.map((gradient, i) => needs[i] ? gradient : null);
  },
};

/** The gradients of q, k, v (packed as they came) and of the sinks, with probabilities recomputed from `lse`. */
export const ATTENTION_BACKWARD: Kernel<AttentionAttrs> = {
  name: "attention_backward",
  infer(inputs, attrs) {
    const action = "compute the gradients of attention";
    const g = checkedGeometry(action, inputs, attrs);
    const [out, lse] = outputsOf(g, inputs);
    expectShape(action, "the output", inputs[g.inputs], out.shape);
    expectShape(action, "the log-sum-exp", inputs[g.inputs + 1], lse.shape);
    expectShape(action, "the gradient of the output", inputs[g.inputs + 2], out.shape);
    if (inputs.length > g.inputs + 3) {
      expectShape(action, "the gradient of the log-sum-exp", inputs[g.inputs + 3], lse.shape);
    }
    return gradientsOf(inputs, g, attrs);
  },
  cost(inputs, attrs) {
    const g = geometryOf(inputs, attrs);
    return costOf(inputs, gradientsOf(inputs, g, attrs), g, attrs, 10 * g.headDim + SOFTMAX_BACKWARD_FLOPS);
  },
  reference: attentionBackwardReference,
  webgpu: attentionBackwardWebGpu,
  cpu: attentionBackwardCpu,
};

function gradientsOf(inputs: readonly Spec[], g: Geometry, { packed, sinks }: AttentionAttrs): Spec[] {
  const operands = packed ? [inputs[0]] : [inputs[g.q], inputs[g.k], inputs[g.v]];
  return sinks ? [...operands, f32(g.heads)] : operands;
}

/** Products and softmax by visible pair, and three operations for every channel that is rotated. */
function costOf(
  inputs: readonly Spec[],
  outputs: readonly Spec[],
  g: Geometry,
  attrs: AttentionAttrs,
  perPair: number,
): Cost {
  const rotated = attrs.block > 0 ? g.batch * g.tokens * (g.heads + g.kvHeads) * g.headDim : 0;
  return streamingCost(inputs, outputs, perPair * visiblePairs(g, attrs) + 3 * rotated);
}
