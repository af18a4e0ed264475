import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { define } from "../elementwise/mod.ts";
import type { ElementwiseKernel } from "../elementwise/mod.ts";
import { compare, select } from "../expression/expression.ts";
import { sumTo } from "../reduce/mod.ts";
import { reshape } from "../reshape/mod.ts";
import { conv2dCpu, inputGradientCpu } from "./cpu.ts";
import { weightGradientCpu } from "./cpu_weight_gradient.ts";
import { conv2dReference, inputGradientReference, weightGradientReference } from "./reference.ts";
import {
  type Conv2dAttrs,
  conv2dFlops,
  type Conv2dInputGradientAttrs,
  conv2dSizes,
  type Conv2dWeightGradientAttrs,
  inputGradientSizes,
  outputSpec,
  weightGradientSizes,
} from "./sizes.ts";
import { conv2dWebGpu, inputGradientWebGpu, weightGradientWebGpu } from "./webgpu.ts";

/** The `conv2d` kernel: inputs x, weight and, where there is one, a bias `f32[O]`. */
export const CONV2D: Kernel<Conv2dAttrs> = {
  name: "conv2d",
  infer(inputs, attrs) {
    expectDTypes("conv2d", inputs, inputs.length === 3 ? ["f32", "f32", "f32"] : ["f32", "f32"]);
    const [x, weight, bias] = inputs;
    const sizes = conv2dSizes(x, weight, attrs);
    if (bias && !sameShape(bias.shape, [sizes.outputs])) {
      throw new ShapeError(
        `Cannot conv2d ${formatSpec(x)} by ${
          formatSpec(weight)
        }: a bias of shape [${sizes.outputs}] wanted, got ${formatSpec(bias)}`,
      );
    }
    return [outputSpec(sizes)];
  },
  cost(inputs, attrs) {
    const sizes = conv2dSizes(inputs[0], inputs[1], attrs);
    return streamingCost(inputs, [outputSpec(sizes)], conv2dFlops(sizes));
  },
  reference: conv2dReference,
  cpu: conv2dCpu,
  webgpu: conv2dWebGpu,
  vjp: conv2dVjp,
};

/** The gradient of the image: inputs the gradient of the output and the weight. */
export const CONV2D_INPUT_GRADIENT: Kernel<Conv2dInputGradientAttrs> = {
  name: "conv2d_input_gradient",
  infer(inputs, attrs) {
    expectDTypes("conv2d_input_gradient", inputs, ["f32", "f32"]);
    return [imageSpec(inputs, attrs)];
  },
  cost(inputs, attrs) {
    const flops = conv2dFlops(inputGradientSizes(inputs[0], inputs[1], attrs));
    return streamingCost(inputs, [imageSpec(inputs, attrs)], flops);
  },
  reference: inputGradientReference,
  cpu: inputGradientCpu,
  webgpu: inputGradientWebGpu,
};

/** The gradient of the weight: inputs the image and the gradient of the output. */
export const CONV2D_WEIGHT_GRADIENT: Kernel<Conv2dWeightGradientAttrs> = {
  name: "conv2d_weight_gradient",
  infer(inputs, attrs) {
    expectDTypes("conv2d_weight_gradient", inputs, ["f32", "f32"]);
    return [weightSpec(inputs, attrs)];
  },
  cost(inputs, attrs) {
    const flops = conv2dFlops(weightGradientSizes(inputs[0], inputs[1], attrs));
    return streamingCost(inputs, [weightSpec(inputs, attrs)], flops);
  },
  reference: weightGradientReference,
  cpu: weightGradientCpu,
  webgpu: weightGradientWebGpu,
};

function imageSpec([grad, weight]: readonly Spec[], attrs: Conv2dInputGradientAttrs): Spec {
  const { batch, channels, height, width } = inputGradientSizes(grad, weight, attrs);
  return f32(batch, channels, height, width);
}

function weightSpec([x, grad]: readonly Spec[], attrs: Conv2dWeightGradientAttrs): Spec {
  const { outputs, channels, kernelRows, kernelColumns } = weightGradientSizes(x, grad, attrs);
  return f32(outputs, channels, kernelRows, kernelColumns);
}

/** relu passes the gradient where its output is positive. */
const RELU_GRADIENT: ElementwiseKernel = define(
  "relu_gradient",
  ["f32", "f32"],
  (output, grad) => select(compare("lt", 0, output), grad, 0),
);

function conv2dVjp(context: VjpContext<Conv2dAttrs>): (Tensor | null)[] {
  const { inputs: [x, weight], outputs: [output], grads: [given], attrs, needs } = context;
  if (!given) return context.inputs.map(() => null);
  const { stride, padding, activation } = attrs;
  const grad = activation === "relu" ? apply(RELU_GRADIENT, [output, given], {})[0] : given;
  const [, , height, width] = x.shape, [outputs, , ...kernel] = weight.shape;
  const dX = () => apply(CONV2D_INPUT_GRADIENT, [grad, weight], { stride, padding, height, width })[0];
  const dW = () => {
    const [rows, columns] = kernel;
    return apply(CONV2D_WEIGHT_GRADIENT, [x, grad], { stride, padding, kernel: [rows, columns] })[0];
  };
  const dBias = () => reshape(sumTo(grad, [1, outputs, 1, 1]), [outputs]);
  const gradients = [needs[0] ? dX() : null, needs[1] ? dW() : null];
  return context.inputs.length === 3 ? [...gradients, needs[2] ? dBias() : null] : gradients;
}
