/**
 * Sums and means.
 *
 * @module
 */
import type { Kernel } from "../../engine/kernel.ts";
import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { input, mul, sub } from "../expression/expression.ts";
import { reshape } from "../reshape/mod.ts";
import { type ReduceAttrs, reduceKernel } from "./kernel.ts";

export { type ReduceAttrs, reduceKernel } from "./kernel.ts";

/** The `sum` kernel. */
export const SUM: Kernel<ReduceAttrs> = reduceKernel("sum", ["f32"], input(0));

/** The `mse` kernel: the mean of squared differences, with no difference tensor in between. */
export const MSE: Kernel<ReduceAttrs> = reduceKernel("mse", ["f32", "f32"], squaredDifference());

function squaredDifference() {
  const difference = sub(input(0), input(1));
  return mul(difference, difference);
}

/** Sum over the dimensions where `shape` has a 1; `shape` has the rank of `x`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  return apply(SUM, [x], { over: x.shape, shape, scale: 1 })[0];
}

/** Sum of all elements: `f32[]`. */
export function sum(x: Tensor): Tensor {
  return reshape(sumTo(x, x.shape.map(() => 1)), []);
}

/** Mean of all elements: `f32[]`. */
export function mean(x: Tensor): Tensor {
  const ones = x.shape.map(() => 1);
  return reshape(apply(SUM, [x], { over: x.shape, shape: ones, scale: 1 / x.size })[0], []);
}

/**
 * Mean squared error over all elements: `f32[]`.
 *
 * @param a `f32` of any shape
 * @param b `f32` of the same shape
 */
export function mse(a: Tensor, b: Tensor): Tensor {
  const scale = 1 / sizeOf(a.shape);
  return reshape(apply(MSE, [a, b], { over: a.shape, shape: a.shape.map(() => 1), scale })[0], []);
}
