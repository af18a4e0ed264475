import { affine, interpolate, mul, scale, sigmoid, velocityTo } from "../../kernels/elementwise/mod.ts";
import { mean } from "../../kernels/reduce/mod.ts";
import type { Objective } from "./objective.ts";
import { perImage } from "./rectified_flow.ts";

/** The path from noise to image, and which times of it are trained on. Field names are the reference's. */
export interface XPredictionConfig {
  /** Mean of the logit of the time. */
  readonly P_mean: number;
  /** Standard deviation of the logit of the time. */
  readonly P_std: number;
  /** Smallest divisor `1 - t` of a velocity. */
  readonly t_eps: number;
  /** Standard deviation of the noise. */
  readonly noise_scale: number;
}

/**
 * The network predicts the clean image and is scored by velocity: on the straight path
 * `z = t x + (1 - t) noise_scale e`, the mean squared difference of `(out - z) / d` and `(x - z) / d` with
 * `d = max(1 - t, t_eps)`, at times `sigmoid(P_mean + P_std n)` with n standard normal (behaviours 30 and 43).
 *
 * Source: Li and He, arXiv 2511.13720, sections 4 and 5.
 */
export function xPrediction(config: XPredictionConfig): Objective {
  const { P_mean, P_std, t_eps, noise_scale: noiseScale } = config;
  return {
    name: "x-prediction with velocity loss",
    noiseScale,
    singularAtData: true,
    times: (draws) => sigmoid(affine(draws.normal(), P_std, P_mean)),
    pathPoint: ({ x, noise, t }) =>
      interpolate(perImage(t, x), x, noiseScale === 1 ? noise : scale(noise, noiseScale)),
    loss: (out, _z, { x, t }) => {
      // z cancels in the difference of the two velocities, and its rounding with it.
      const error = velocityTo(out, x, perImage(t, x), t_eps); // f32[B, C, H, W]
      return mean(mul(error, error));
    },
    velocity: (out, z, t) => velocityTo(out, z, perImage(t, z), t_eps),
  };
}
