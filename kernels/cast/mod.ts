/**
 * Changing the dtype of floats, of many tensors at once.
 *
 * @module
 */
import type { Float } from "../../engine/core/dtype.ts";
import { expectDTypes, makeSpec, type Spec } from "../../engine/core/spec.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { castCpu } from "./cpu.ts";
import { castReference } from "./reference.ts";
import { castWebGpu } from "./webgpu.ts";

/** Attributes of `cast`. */
export interface CastAttrs {
  /** Dtype of the outputs. */
  readonly to: Float;
}

function outputsOf(inputs: readonly Spec[], { to }: CastAttrs): readonly Spec[] {
  return inputs.map(({ shape }) => makeSpec(to, shape));
}

/** The `cast` kernel: any number of float tensors, each to an output of its shape. */
export const CAST: Kernel<CastAttrs> = {
  name: "cast",
  infer(inputs, attrs) {
    if (inputs.length === 0) throw new ShapeError("Cannot cast: at least 1 tensor wanted, got 0");
    expectDTypes("cast", inputs, inputs.map(() => "float"));
    return outputsOf(inputs, attrs);
  },
  cost: (inputs, attrs) => streamingCost(inputs, outputsOf(inputs, attrs), 0),
  reference: castReference,
  webgpu: (inputs, _attrs, limits) => castWebGpu(inputs, limits),
  cpu: (inputs) => castCpu(inputs),
  vjp: ({ inputs, grads }) => inputs.map(({ dtype }, i) => grads[i] && cast(grads[i], dtype as Float)),
};

/**
 * `x` in another float dtype, rounded to the nearest where that is smaller; `x` itself where it has the dtype. Numbers
 * beyond 65,504 become infinite in `f16`. The gradient goes back in the dtype of `x`.
 *
 * @param x `f32` or `f16` of any shape
 * @param to dtype of the result; any other than a float is an error, unless it is that of `x`
 * @throws {DTypeError} when `x` holds integers
 */
export function cast(x: Tensor, to: Tensor["dtype"]): Tensor {
  return x.dtype === to ? x : castAll([x], to as Float)[0];
}

/**
 * Many tensors in another float dtype, in few launches.
 *
 * @param xs `f32` or `f16` of any shapes, at least one
 * @throws {ShapeError} when there is none
 * @throws {DTypeError} when one holds integers
 */
export function castAll(xs: readonly Tensor[], to: Float): Tensor[] {
  if (xs.length === 0) throw new ShapeError("Cannot cast: at least 1 tensor wanted, got 0");
  return apply(CAST, xs, { to });
}
