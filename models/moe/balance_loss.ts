import type { Tensor } from "../../engine/tensor.ts";
import { add, div, mul, scale, sigmoid, toF32 } from "../../kernels/elementwise/mod.ts";
import { sum, sumTo } from "../../kernels/reduce/mod.ts";
import type { TrainingContext } from "../model.ts";
import type { Routing } from "./sparse_moe.ts";

/**
 * The auxiliary balance loss `sum_e E f_e P_e`: f_e is the fraction of the (token, slot) pairs that expert e got, P_e
 * the mean share of the router's scores that it was given. It is 1 in perfect balance, and more where the experts that
 * get the tokens also get the scores. Gradients flow through the scores alone.
 *
 * Source: Fedus et al., "Switch Transformers" (arXiv 2101.03961), section 2.2; with k experts a token, DeepSeek-V2.
 *
 * @param shares scores whose rows add up to 1, `f32[T, E]`
 * @param counts pairs of each expert, `i32[E]`
 * @param topk k, experts of a token
 * @returns `f32[]`
 */
export function balanceLoss(shares: Tensor, counts: Tensor, topk: number): Tensor {
  const [tokens, experts] = shares.shape;
  const load = scale(toF32(counts), experts / (tokens * topk)); // f32[E], 1 in balance
  return scale(sum(mul(shares, load)), 1 / tokens);
}

/**
 * Scores of a sigmoid router as shares: `sigmoid(l_e) / sum_j sigmoid(l_j)`.
 *
 * @param logits `f32[T, E]`
 * @returns `f32[T, E]`
 */
export function sigmoidShares(logits: Tensor): Tensor {
  const scores = sigmoid(logits); // f32[T, E]
  return div(scores, sumTo(scores, [logits.shape[0], 1]));
}

/**
 * The balance losses of all layers together, `f32[]`; undefined where there is none, or no training.
 *
 * @param training absent when sampling
 */
export function auxiliaryOf(routings: readonly Routing[], training?: TrainingContext): Tensor | undefined {
  if (!training) return undefined;
  const losses = routings.flatMap(({ auxiliary }) => auxiliary ? [auxiliary()] : []);
  return losses.length > 0 ? losses.reduce((sum, loss) => add(sum, loss)) : undefined;
}
