import type { Tensor } from "../../engine/tensor.ts";
import { interpolate, sub } from "../../kernels/elementwise/mod.ts";
import { mse } from "../../kernels/reduce/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { split } from "../../kernels/split/mod.ts";
import type { Objective } from "./objective.ts";

/**
 * Rectified flow: the path from noise to data is a straight line, the network predicts its velocity `x - noise`, and
 * the loss is their plain mean squared error at uniform times (behaviours 1 and 4).
 *
 * Source: Liu, Gong, Liu, arXiv 2209.03003; the paper's recipe.
 */
export const RECTIFIED_FLOW: Objective = {
  name: "rectified flow",
  noiseScale: 1,
  times: (draws) => draws.uniform(),
  pathPoint: ({ x, noise, t }) => interpolate(perImage(t, x), x, noise),
  loss: (out, _z, { x, noise }) => mse(velocityOf(out, x.shape[1]), sub(x, noise)),
  velocity: (out, z) => velocityOf(out, z.shape[1]),
};

/**
 * Times as a tensor that broadcasts over images: `f32[B, 1, 1, 1]`.
 *
 * @param t `f32[B]`
 * @param images `f32[B, C, H, W]`
 */
export function perImage(t: Tensor, images: Tensor): Tensor {
  return reshape(t, [t.size, ...images.shape.slice(1).map(() => 1)]);
}

/**
 * The part of a network's output that is the velocity: all of it, or the first half where the network also puts out
 * a variance that nothing uses (`learn_sigma`).
 *
 * @param out `f32[B, C or 2C, H, W]`
 * @returns `f32[B, C, H, W]`
 */
function velocityOf(out: Tensor, channels: number): Tensor {
  return out.shape[1] === channels ? out : split(out, 1, 2)[0];
}
