/**
 * What mixed precision computes in which dtype.
 *
 * A layer works in the dtype of its weights. Training in half precision puts `f16` copies in place of the weights of
 * linear layers and experts (`ParameterOptions.castable`), and the rest follows:
 *
 * - linear layers, experts, attention, and what is element-wise between them give `f16`; sums inside a product and the
 *   softmax are `f32`; attention with sinks is `f32`, since it rotates and permutes its operands;
 * - a norm computes in `f32` and gives the dtype of the adaLN vectors that follow it;
 * - the residual stream is `f32`, since `f32` and `f16` give `f32`: many small terms are added to a large one;
 * - routers, tables, biases and the last layer stay `f32`, and with them logits, routing weights and losses;
 * - gradients have the dtypes of their tensors, those of weights are `f32`.
 *
 * Source: Micikevicius et al., "Mixed Precision Training" (arXiv 1710.03740); `torch.autocast`, whose lists of operations
 * it follows but for the norms' output. See `docs/adr/0013-mixed-precision.md`.
 *
 * @module
 */
import type { Parameter, ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { castAll } from "../../kernels/cast/mod.ts";

/** Element type that a network computes in. */
export type Precision = "f32" | "f16";

/** Every precision, as configurations name it. */
export const PRECISIONS: readonly Precision[] = ["f32", "f16"];

/** `f16` copies of the weights that a network may compute with in half precision, for `ParamStore.substitute`. */
export function halfWeights(params: ParamStore): ReadonlyMap<Parameter, Tensor> {
  const chosen = params.trainable.filter(({ options }) => options.castable);
  const copies = castAll(chosen.map(({ tensor }) => tensor), "f16");
  return new Map(chosen.map((parameter, i) => [parameter, copies[i]]));
}
