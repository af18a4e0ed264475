import { differentiate, type GradientOps } from "../engine/autodiff/backward.ts";
import type { Tensor } from "../engine/tensor.ts";
import { add, full } from "./elementwise/mod.ts";

/** What reverse mode needs from the kernels: how gradients add up, and where they start. */
export const GRADIENT_OPS: GradientOps = {
  add,
  onesLike: (loss) => full(loss.device, loss.shape, 1),
};

/** A loss and its gradients, in the order of the watched tensors; null where a tensor did not take part. */
export interface LossAndGradients {
  /** The value, `f32[]`. */
  readonly loss: Tensor;
  /** In the order of the watched tensors. */
  readonly gradients: readonly (Tensor | null)[];
}

/**
 * The value of a scalar function and its gradients by reverse mode.
 *
 * @param watched tensors to differentiate by
 * @param forward computes the loss, `f32[]`
 */
export function valueAndGradients(watched: readonly Tensor[], forward: () => Tensor): LossAndGradients {
  const { value, gradients } = differentiate(GRADIENT_OPS, watched, () => {
    const loss = forward();
    return { value: loss, root: loss };
  });
  return { loss: value, gradients };
}
