import { ParamStore } from "../../../engine/params/param_store.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { add, mul, scale } from "../../../kernels/elementwise/mod.ts";
import { embedding } from "../../../kernels/embedding/mod.ts";
import { sumTo } from "../../../kernels/reduce/mod.ts";
import { reshape } from "../../../kernels/reshape/mod.ts";
import type { Objective } from "../../../models/diffusion/objective.ts";
import { perImage, RECTIFIED_FLOW } from "../../../models/diffusion/rectified_flow.ts";
import type { DiffusionModel } from "../../../models/model.ts";

/** How a toy model differs from the plain one. */
export interface ToyOptions {
  /** Factor of `t` in the velocity. */
  readonly slope?: number;
  /** Fields of its objective that differ from rectified flow's. */
  readonly objective?: Partial<Objective>;
  /** Adds the mean of the batch to every image's velocity. */
  readonly couplesBatch?: boolean;
}

/** Side of its images of one channel. */
export const SIDE = 2;

/**
 * A velocity field with a known solution, `dz/dt = (rate[y] + slope t) z`: from z at time 0 it leads to
 * `z exp(rate + slope / 2)` at time 1.
 *
 * @param rates one for each class, then the one of the null class
 */
export function toyModel(rates: readonly number[], options: ToyOptions = {}): DiffusionModel {
  const { slope = 0, couplesBatch } = options;
  return {
    config: {
      family: "toy",
      model: {
        input_size: SIDE,
        patch_size: 1,
        in_channels: 1,
        num_classes: rates.length - 1,
        class_dropout_prob: 0,
      },
    },
    params: new ParamStore(),
    objective: { ...RECTIFIED_FLOW, ...options.objective },
    couplesBatch,
    forward(x: Tensor, t: Tensor, y: Tensor) {
      const table = x.device.constant(
        `toy ${rates}`,
        () => ({ shape: [rates.length, 1], data: Float32Array.from(rates) }),
      );
      const rate = add(reshape(embedding(table, y), [y.size]), scale(t, slope)); // f32[B]
      const own = mul(x, perImage(rate, x)); // f32[B, C, H, W]
      const mean = scale(sumTo(own, [1, ...x.shape.slice(1)]), 1 / x.shape[0]);
      return { out: couplesBatch ? add(own, mean) : own, routings: [] };
    },
  };
}
