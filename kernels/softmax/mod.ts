/**
 * Softmax over the last axis.
 *
 * @module
 */
import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, formatSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { rowLaunch, rowsOf } from "../reduce/rows.ts";
import { softmaxBackwardCpu, softmaxCpu } from "./cpu.ts";
import { softmaxBackwardReference, softmaxReference } from "./reference.ts";
import backwardSource from "./softmax_backward.wgsl" with { type: "text" };
import source from "./softmax.wgsl" with { type: "text" };

/** The `softmax` kernel: `f32[.., D] -> f32[.., D]`. */
export const SOFTMAX: Kernel = {
  name: "softmax",
  infer(inputs) {
    expectDTypes("softmax", inputs, ["f32"]);
    rowsOf("softmax", inputs[0]);
    return [inputs[0]];
  },
  // Maximum, subtraction, exponential, addition, division.
  cost: ([x]) => streamingCost([x], [x], 5 * sizeOf(x.shape)),
  reference: ([x], [y]) => softmaxReference(x, y),
  webgpu: ([x], _attrs, limits) => ({
    launches: [rowLaunch(rowsOf("softmax", x), limits, { source, partial: "f32", bindings: [0, 1] })],
  }),
  cpu: softmaxCpu,
  vjp: ({ outputs, grads }) => grads[0] ? apply(SOFTMAX_BACKWARD, [outputs[0], grads[0]], {}) : [null],
};

/** The `softmax_backward` kernel: output and its gradient, both `f32[.., D]`, to the gradient of the input. */
export const SOFTMAX_BACKWARD: Kernel = {
  name: "softmax_backward",
  infer(inputs) {
    expectDTypes("softmax_backward", inputs, ["f32", "f32"]);
    const [y, g] = inputs;
    rowsOf("softmax_backward", y);
    if (!sameShape(y.shape, g.shape)) {
      throw new ShapeError(
        `Cannot softmax_backward ${formatSpec(y)} with ${formatSpec(g)}: the shapes must be equal`,
      );
    }
    return [y];
  },
  // Two for the dot product, a subtraction and a multiplication.
  cost: ([y, g]) => streamingCost([y, g], [y], 4 * sizeOf(y.shape)),
  reference: ([y, g], [dx]) => softmaxBackwardReference(y, g, dx),
  webgpu: ([y], _attrs, limits) => ({
    launches: [
      rowLaunch(rowsOf("softmax", y), limits, {
        source: backwardSource,
        partial: "f32",
        bindings: [0, 1, 2],
      }),
    ],
  }),
  cpu: softmaxBackwardCpu,
};

/**
 * Numbers in (0, 1) that sum to 1 along the last axis: `exp(x) / sum(exp(x))`, computed from `x - max(x)`.
 *
 * @param x `f32[.., D]`
 * @returns `f32[.., D]`
 * @throws {ShapeError} when `x` is a scalar
 */
export function softmax(x: Tensor): Tensor {
  return apply(SOFTMAX, [x], {})[0];
}
