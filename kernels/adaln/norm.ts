import { f32, type Spec } from "../../engine/core/spec.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { normBackwardCpu, normCpu } from "./cpu_norm.ts";
import { normBackwardReference, normReference } from "./reference.ts";
import { type AdaLnNormAttrs, type AdaLnNormBackwardAttrs, adaLnSizes } from "./sizes.ts";
import { normBackwardWebGpu, normWebGpu } from "./webgpu.ts";

function sizesOf(inputs: readonly Spec[], { shift, scale }: AdaLnNormAttrs) {
  return adaLnSizes("adaln_norm", inputs, 1, [shift, scale]);
}

function backwardSizesOf(inputs: readonly Spec[], { shift, scale }: AdaLnNormAttrs) {
  return adaLnSizes("adaln_norm_backward", inputs, 2, [shift, scale]);
}

function outputOf([x, vectors]: readonly Spec[]): Spec {
  return { dtype: vectors.dtype, shape: x.shape };
}

function gradientsOf([, x, vectors]: readonly Spec[]): readonly Spec[] {
  return [x, f32(...vectors.shape)];
}

/** The `adaln_norm` kernel: x `f32[B, T, D]`, vectors `f32[B, P, D]` -> `f32[B, T, D]` in the dtype of the vectors. */
export const ADALN_NORM: Kernel<AdaLnNormAttrs> = {
  name: "adaln_norm",
  infer(inputs, attrs) {
    sizesOf(inputs, attrs);
    return [outputOf(inputs)];
  },
  // The norm 7, the modulation 3.
  cost: (inputs) => streamingCost(inputs, [outputOf(inputs)], 10 * sizeOf(inputs[0].shape)),
  reference: normReference,
  webgpu: (inputs, attrs, limits) => normWebGpu(sizesOf(inputs, attrs), attrs, limits),
  cpu: (inputs, attrs) => normCpu(sizesOf(inputs, attrs), attrs),
  vjp: normVjp,
};

/**
 * The `adaln_norm_backward` kernel: g, x `f32[B, T, D]`, vectors `f32[B, P, D]`, then the earlier gradients of x and of
 * the vectors where there are any -> the gradients of x, in its dtype, and of the vectors, in f32.
 */
export const ADALN_NORM_BACKWARD: Kernel<AdaLnNormBackwardAttrs> = {
  name: "adaln_norm_backward",
  infer(inputs, attrs) {
    backwardSizesOf(inputs, attrs);
    return gradientsOf(inputs);
  },
  // Statistics 5, normalised row 2, gradient's means 3, result 4; modulation 2, its sums 3; earlier gradient 1.
  cost: (inputs, { beforeX }) =>
    streamingCost(inputs, gradientsOf(inputs), (beforeX ? 20 : 19) * sizeOf(inputs[1].shape)),
  reference: normBackwardReference,
  webgpu: (inputs, attrs, limits) => normBackwardWebGpu(backwardSizesOf(inputs, attrs), attrs, limits),
  cpu: (inputs, attrs) => normBackwardCpu(backwardSizesOf(inputs, attrs), attrs),
};

function normVjp({ inputs: [x, vectors], grads: [grad], attrs, before }: VjpContext<AdaLnNormAttrs>) {
  if (!grad) return [null, null];
  const earlier: (Tensor | null)[] = [before(0), before(1)];
  const given = earlier.filter((gradient) => gradient !== null);
  return apply(ADALN_NORM_BACKWARD, [grad, x, vectors, ...given], {
    ...attrs,
    beforeX: earlier[0] !== null,
    beforeVectors: earlier[1] !== null,
  });
}
