import type { Tensor } from "../../engine/tensor.ts";
import { dropout } from "../../kernels/elementwise/mod.ts";
import { embedding } from "../../kernels/embedding/mod.ts";
import type { DispatchPlan } from "../../kernels/moe/histogram_scan/mod.ts";
import { randomUniform } from "../../kernels/random/mod.ts";
import type { TrainingContext } from "../model.ts";

/**
 * Drops elements of a tensor, or gives it back as it is.
 *
 * @param x any shape; `f32[R, D]` with a plan
 * @param plan where the rows of `x` are sorted by expert: the numbers are then drawn for each (token, slot) pair, since
 *   rows depend on the padding, which differs between devices
 */
export type Dropout = (x: Tensor, plan?: DispatchPlan) => Tensor;

/** Dropout that is off. */
export const NO_DROPOUT: Dropout = (x: Tensor): Tensor => x;

/**
 * Dropout of one place in a network: each step of training has a mask of its own. Off when sampling.
 *
 * @param probability of an element to become 0; the others are divided by `1 - probability`
 * @param place number of the place; two places of a network must not share one
 */
export function dropoutAt(
  probability: number,
  place: number,
  training: TrainingContext | undefined,
): Dropout {
  if (!training || probability === 0) return NO_DROPOUT;
  const { random, stream } = training;
  return (x, plan) => {
    if (!plan) return dropout(x, randomUniform(random, x.shape, stream + place), probability);
    const drawn = randomUniform(random, [plan.tokens * plan.topk, x.shape[1]], stream + place); // f32[T * K, D]
    return dropout(x, embedding(drawn, plan.slot), probability);
  };
}
