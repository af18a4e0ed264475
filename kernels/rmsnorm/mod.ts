/**
 * Root-mean-square normalisation over the last axis.
 *
 * @module
 */
import type { Float } from "../../engine/core/dtype.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { input, mul } from "../expression/expression.ts";
import { type ReduceAttrs, reduceKernel } from "../reduce/mod.ts";
import { checkGradient, checkVectors, rowLaunch, rowsOf } from "../reduce/rows.ts";
import { reshape } from "../reshape/mod.ts";
import { rmsnormBackwardCpu, rmsnormCpu } from "./cpu.ts";
import { rmsnormBackwardReference, rmsnormReference } from "./reference.ts";
import backwardSource from "./rmsnorm_backward.wgsl" with { type: "text" };
import source from "./rmsnorm.wgsl" with { type: "text" };

/** Attributes of `rmsnorm`. */
export interface RmsNormAttrs {
  /** Added to the mean square. */
  readonly eps: number;
  /** Dtype of the result; that of the input unless given. */
  readonly out?: Float;
}

function outputOf({ dtype, shape }: Spec, { out }: RmsNormAttrs): Spec {
  return { dtype: out ?? dtype, shape };
}

/** The `rmsnorm` kernel: `f32[.., D]` and weight `f32[D]` to `f32[.., D]`. */
export const RMSNORM: Kernel<RmsNormAttrs> = {
  name: "rmsnorm",
  infer(inputs, attrs) {
    expectDTypes("rmsnorm", inputs, ["float", "f32"]);
    checkVectors("rmsnorm", inputs[0], inputs.slice(1));
    return [outputOf(inputs[0], attrs)];
  },
  // Square and sum, scale, weight.
  cost: (inputs, attrs) => streamingCost(inputs, [outputOf(inputs[0], attrs)], 4 * sizeOf(inputs[0].shape)),
  reference: (inputs, [y], { eps }) => rmsnormReference(inputs, y, eps),
  webgpu: ([x], { eps }, limits) => {
    const kernel = { source, partial: "f32", overrides: { EPS: eps }, bindings: [0, 1, 2] } as const;
    return { launches: [rowLaunch(rowsOf("rmsnorm", x), limits, kernel)] };
  },
  cpu: rmsnormCpu,
  vjp: rmsnormVjp,
};

/**
 * The `rmsnorm_backward` kernel: gradient and input `f32[.., D]` and weight `f32[D]` to the gradient of the input
 * `f32[.., D]`, in the dtype of the input, and `1 / sqrt(mean(x^2) + eps)` of every row, `f32[.., 1]`.
 */
export const RMSNORM_BACKWARD: Kernel<RmsNormAttrs> = {
  name: "rmsnorm_backward",
  infer(inputs) {
    expectDTypes("rmsnorm_backward", inputs, ["float", "float", "f32"]);
    checkVectors("rmsnorm_backward", inputs[1], inputs.slice(2));
    checkGradient("rmsnorm_backward", inputs[0], inputs[1]);
    return backwardOutputs(inputs[1]);
  },
  // Squares 2, weight 1, product and sum 2, difference and scale 3.
  cost: (inputs) => streamingCost(inputs, backwardOutputs(inputs[1]), 8 * sizeOf(inputs[1].shape)),
  reference: (inputs, outputs, { eps }) => rmsnormBackwardReference(inputs, outputs, eps),
  webgpu: ([, x], { eps }, limits) => {
    const bindings = [0, 1, 2, 3, 4];
    const kernel = { source: backwardSource, partial: "vec2f", overrides: { EPS: eps }, bindings } as const;
    return { launches: [rowLaunch(rowsOf("rmsnorm_backward", x), limits, kernel)] };
  },
  cpu: rmsnormBackwardCpu,
};

/** The gradient of the weight: the sum over rows of `g * x * scale`, fused into one reduction. */
export const RMSNORM_WEIGHT_BACKWARD: Kernel<ReduceAttrs> = reduceKernel(
  "rmsnorm_weight_backward",
  ["f32", "f32", "f32"],
  mul(input(0), mul(input(1), input(2))),
);

function backwardOutputs(x: Spec): readonly Spec[] {
  return [x, f32(...x.shape.slice(0, -1), 1)];
}

function rmsnormVjp(context: VjpContext<RmsNormAttrs>): readonly (Tensor | null)[] {
  const { inputs: [x, weight], grads: [grad], needs, attrs } = context;
  if (!grad) return [null, null];
  const [dx, scale] = apply(RMSNORM_BACKWARD, [grad, x, weight], attrs);
  if (!needs[1]) return [dx, null];
  const { rows, width } = rowsOf("rmsnorm", x.spec);
  const full = [grad, x].map((tensor) => reshape(tensor, [rows, width]));
  const sum = { over: [rows, width], shape: [1, width], scale: 1 };
  const [dw] = apply(RMSNORM_WEIGHT_BACKWARD, [...full, reshape(scale, [rows, 1])], sum);
  return [needs[0] ? dx : null, reshape(dw, [width])];
}

/**
 * `x / sqrt(mean(x^2) + eps) * weight` along the last axis (Zhang and Sennrich, 2019).
 *
 * @param x `f32[.., D]`
 * @param weight `f32[D]`
 * @param out dtype of the result; that of `x` unless given
 * @returns `f32[.., D]`
 * @throws {ShapeError} when the weight's length is not that of the last axis
 */
export function rmsnorm(x: Tensor, weight: Tensor, eps = 1e-6, out?: Float): Tensor {
  return apply(RMSNORM, [x, weight], out === undefined || out === x.dtype ? { eps } : { eps, out })[0];
}
