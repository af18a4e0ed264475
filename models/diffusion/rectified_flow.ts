/**
 * Rectified flow: the path from noise to data is a straight line, and the network predicts its velocity. Knows no
 * network. Source: Liu, Gong, Liu, arXiv 2209.03003; the paper's recipe, behaviours 1 and 4.
 *
 * @module
 */
import type { Tensor } from "../../engine/tensor.ts";
import { interpolate, sub } from "../../kernels/elementwise/mod.ts";
import { mse } from "../../kernels/reduce/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { split } from "../../kernels/split/mod.ts";

/**
 * The point at time `t` of the path: `t * x + (1 - t) * noise`, so that 0 is noise and 1 is data.
 *
 * @param x data, `f32[B, C, H, W]`
 * @param noise `f32[B, C, H, W]`
 * @param t `f32[B]`
 */
export function pathPoint(x: Tensor, noise: Tensor, t: Tensor): Tensor {
  const times = reshape(t, [t.size, ...x.shape.slice(1).map(() => 1)]);
  return interpolate(times, x, noise);
}

/**
 * The part of a network's output that is the velocity: all of it, or the first half where the network also puts out
 * a variance that nothing uses (`learn_sigma`).
 *
 * @param out `f32[B, C or 2C, H, W]`
 * @returns `f32[B, C, H, W]`
 */
export function velocityOf(out: Tensor, channels: number): Tensor {
  return out.shape[1] === channels ? out : split(out, 1, 2)[0];
}

/**
 * Mean squared error between the predicted velocity and `x - noise`: `f32[]`.
 *
 * @param out network output, `f32[B, C or 2C, H, W]`
 */
export function velocityLoss(out: Tensor, x: Tensor, noise: Tensor): Tensor {
  return mse(velocityOf(out, x.shape[1]), sub(x, noise));
}
