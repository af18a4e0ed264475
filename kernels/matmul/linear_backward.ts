import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { linearBackwardCpu } from "./linear_backward_cpu.ts";
import { linearBackwardReference } from "./linear_backward_reference.ts";
import { linearBackwardWebGpu } from "./linear_backward_webgpu.ts";

/** Which gradients of a linear layer are wanted beside the weight's. */
export interface LinearBackwardAttrs {
  /** Whether the bias has one. */
  readonly bias: boolean;
  /** Whether the input has one. */
  readonly input: boolean;
}

/** Sizes of a linear layer: x[rows, k] W[n, k]^T. */
export interface LinearSizes {
  /** Rows of x. */
  readonly rows: number;
  /** Outputs of a row. */
  readonly n: number;
  /** Inputs of a row. */
  readonly k: number;
}

/**
 * Sizes of inputs g `f32[.., N]` and x `f32[.., K]`.
 *
 * @throws {ShapeError} when shapes do not fit
 */
export function linearSizes(inputs: readonly Spec[], { input }: LinearBackwardAttrs): LinearSizes {
  const [g, x, weight, before] = inputs;
  const refuse = (reason: string) => {
    throw new ShapeError(`Cannot linear_backward ${inputs.map(formatSpec).join(", ")}: ${reason}`);
  };
  const [n, k] = [g, x].map(({ shape }) => shape[shape.length - 1]);
  if (!sameShape(g.shape.slice(0, -1), x.shape.slice(0, -1))) refuse("the gradient must have the rows of x");
  if (input !== (weight !== undefined)) refuse(`a weight is wanted for the gradient of x, and only then`);
  if (weight && !sameShape(weight.shape, [n, k])) refuse(`the weight must be f32[${n}, ${k}]`);
  if (before && !sameShape(before.shape, x.shape)) refuse(`earlier gradients must be ${formatSpec(x)}`);
  return { rows: sizeOf(x.shape) / k, n, k };
}

function outputsOf(inputs: readonly Spec[], attrs: LinearBackwardAttrs): readonly Spec[] {
  const { n, k } = linearSizes(inputs, attrs);
  return [f32(n, k), ...(attrs.bias ? [f32(n)] : []), ...(attrs.input ? [inputs[1]] : [])];
}

/**
 * The `linear_backward` kernel, all gradients of `x W^T + b` at once: g `f32[.., N]`, x `f32[.., K]` and, for the
 * gradient of x, W `f32[N, K]` and what is to be added to it `f32[.., K]` -> dW `f32[N, K]`, db `f32[N]`, dx. Any input
 * may be `f16`; dx has the dtype of x, and dW and db are `f32`.
 */
export const LINEAR_BACKWARD: Kernel<LinearBackwardAttrs> = {
  name: "linear_backward",
  infer(inputs, attrs) {
    expectDTypes("linear_backward", inputs, inputs.map(() => "float" as const));
    return outputsOf(inputs, attrs);
  },
  cost(inputs, attrs) {
    const { rows, n, k } = linearSizes(inputs, attrs);
    const flops = 2 * rows * n * k * (attrs.input ? 2 : 1) + (attrs.bias ? rows * n : 0) +
      (inputs.length === 4 ? rows * k : 0);
    return streamingCost(inputs, outputsOf(inputs, attrs), flops);
  },
  reference: (inputs, outputs, attrs) =>
    linearBackwardReference(inputs, outputs, attrs, linearSizes(inputs.map(({ spec }) => spec), attrs)),
  webgpu: (inputs, attrs, limits) =>
    linearBackwardWebGpu(linearSizes(inputs, attrs), { ...attrs, before: inputs.length === 4 }, limits),
  cpu: (inputs, attrs) => linearBackwardCpu(inputs, attrs, linearSizes(inputs, attrs)),
};

/** Gradients of a linear layer. */
export interface LinearGradients {
  /** `f32[N, K]`. */
  readonly weight: Tensor;
  /** `f32[N]`. */
  readonly bias: Tensor | null;
  /** `f32[.., K]`. */
  readonly input: Tensor | null;
}

/**
 * The gradients of `linear(x, weight, bias)`.
 *
 * @param grad that of the output, `f32[.., N]`
 * @param before what to add to the gradient of `x`, in its shape
 */
export function linearBackward(
  grad: Tensor,
  x: Tensor,
  weight: Tensor,
  attrs: LinearBackwardAttrs,
  before: Tensor | null = null,
): LinearGradients {
  const forInput = attrs.input ? [weight, ...(before ? [before] : [])] : [];
  const gradients = apply(LINEAR_BACKWARD, [grad, x, ...forInput], attrs);
  return {
    weight: gradients[0],
    bias: attrs.bias ? gradients[1] : null,
    input: attrs.input ? gradients[gradients.length - 1] : null,
  };
}
