import { checkpoint } from "../engine/autodiff/checkpoint.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { TrainingContext } from "./model.ts";
import type { Routing } from "./moe/sparse_moe.ts";

/** What a transformer block gives. */
export interface BlockOutput {
  /** `f32[B, T, D]`. */
  readonly out: Tensor;
  /** How a routed block routed its tokens. */
  readonly routing?: Routing;
}

/**
 * Runs a block of a network. Where training recomputes, the block's activations are not kept for the backward pass,
 * which runs the block again; the routing that is returned is that of the first run.
 *
 * @param x the block's input, `f32[B, T, D]`
 * @param block called with `x`, once more in the backward pass; whatever else it uses must be the same then
 * @param training absent when sampling
 */
export function runBlock(
  x: Tensor,
  block: (x: Tensor) => BlockOutput,
  training: TrainingContext | undefined,
): BlockOutput {
  if (!training?.recompute) return block(x);
  return checkpoint(x.device, () => {
    const { out, routing } = block(x);
    // The layer's own loss is made of activations, so it has to be computed where they are.
    const own = routing?.auxiliary?.();
    const value = { out, routing: routing && { ...routing, auxiliary: own && (() => own) } };
    return { value, outputs: own ? [out, own] : [out] };
  });
}
