import type { Float } from "../../engine/core/dtype.ts";
import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { input, mul, sub } from "../expression/expression.ts";
import { type ReduceAttrs, reduceKernel, sumTo } from "../reduce/mod.ts";
import { checkGradient, checkVectors, rowsOf } from "../reduce/rows.ts";
import { reshape } from "../reshape/mod.ts";
import { layernormBackwardCpu, layernormCpu } from "./cpu.ts";
import { layernormBackwardReference, layernormReference } from "./reference.ts";
import { layernormBackwardWebGpu, layernormWebGpu } from "./webgpu.ts";

/** Attributes of layer normalisation. */
export interface LayerNormAttrs {
  /** Added to the variance. */
  readonly eps: number;
  /** Whether a weight and a bias follow the input. */
  readonly affine: boolean;
  /** Dtype of the result; that of the input unless given. */
  readonly out?: Float;
}

/** The `layernorm` kernel: `f32[.., D]`, with `affine` also weight and bias `f32[D]`, to `f32[.., D]`. */
export const LAYERNORM: Kernel<LayerNormAttrs> = {
  name: "layernorm",
  infer(inputs, attrs) {
    expectDTypes("layernorm", inputs, attrs.affine ? ["float", "f32", "f32"] : ["float"]);
    checkVectors("layernorm", inputs[0], inputs.slice(1));
    return [outputOf(inputs[0], attrs)];
  },
  // Mean 1; difference, its square and two sums 4; correction and scale 2; weight and bias 2.
  cost: (inputs, attrs) =>
    streamingCost(inputs, [outputOf(inputs[0], attrs)], (attrs.affine ? 9 : 7) * sizeOf(inputs[0].shape)),
  reference: (inputs, [y], { eps }) => layernormReference(inputs, y, eps),
  webgpu: layernormWebGpu,
  cpu: layernormCpu,
  vjp: layernormVjp,
};

/**
 * The `layernorm_backward` kernel: gradient and input `f32[.., D]` (and weight `f32[D]`) to the gradient of the
 * input `f32[.., D]`, in the dtype of the input, and mean and `1 / sqrt(variance + eps)` of every row, `f32[.., 1]`.
 */
export const LAYERNORM_BACKWARD: Kernel<LayerNormAttrs> = {
  name: "layernorm_backward",
  infer(inputs, { affine }) {
    expectDTypes("layernorm_backward", inputs, affine ? ["float", "float", "f32"] : ["float", "float"]);
    checkVectors("layernorm_backward", inputs[1], inputs.slice(2));
    checkGradient("layernorm_backward", inputs[0], inputs[1]);
    return backwardOutputs(inputs[1]);
  },
  // Statistics 5, normalised row 2, gradient's means 3, result 4; weight 1.
  cost: (inputs, { affine }) =>
    streamingCost(inputs, backwardOutputs(inputs[1]), (affine ? 15 : 14) * sizeOf(inputs[1].shape)),
  reference: (inputs, outputs, { eps }) => layernormBackwardReference(inputs, outputs, eps),
  webgpu: layernormBackwardWebGpu,
  cpu: layernormBackwardCpu,
};

/** The gradient of the weight: the sum over rows of `g * (x - mean) * scale`, fused into one reduction. */
export const LAYERNORM_WEIGHT_BACKWARD: Kernel<ReduceAttrs> = reduceKernel(
  "layernorm_weight_backward",
  ["f32", "f32", "f32", "f32"],
  mul(input(0), mul(sub(input(1), input(2)), input(3))),
);

function outputOf({ dtype, shape }: Spec, { out }: LayerNormAttrs): Spec {
  return { dtype: out ?? dtype, shape };
}

function backwardOutputs(x: Spec): readonly Spec[] {
  const row = rowShape(x.shape);
  return [x, f32(...row), f32(...row)];
}

function rowShape(shape: Shape): Shape {
  return [...shape.slice(0, -1), 1];
}

function layernormVjp(context: VjpContext<LayerNormAttrs>): readonly (Tensor | null)[] {
  const { inputs, grads: [grad], needs, attrs } = context;
  if (!grad) return inputs.map(() => null);
  const [x, weight] = inputs;
  const { rows, width } = rowsOf("layernorm", x.spec);
  const result: (Tensor | null)[] = inputs.map(() => null);
  if (needs[0] || needs[1]) {
    const given = attrs.affine ? [grad, x, weight] : [grad, x];
    const [dx, mean, scale] = apply(LAYERNORM_BACKWARD, given, attrs);
    result[0] = needs[0] ? dx : null;
    if (needs[1]) result[1] = weightGradient([grad, x], [mean, scale], rows, width);
  }
  if (needs[2]) result[2] = reshape(sumTo(reshape(grad, [rows, width]), [1, width]), [width]);
  return result;
}

function weightGradient(
  full: readonly Tensor[],
  byRow: readonly Tensor[],
  rows: number,
  width: number,
): Tensor {
  const inputs = [
    ...full.map((tensor) => reshape(tensor, [rows, width])),
    ...byRow.map((tensor) => reshape(tensor, [rows, 1])),
  ];
  const attrs = { over: [rows, width], shape: [1, width], scale: 1 };
  return reshape(apply(LAYERNORM_WEIGHT_BACKWARD, inputs, attrs)[0], [width]);
}
