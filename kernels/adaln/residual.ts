import { f32, type Spec } from "../../engine/core/spec.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import { residualBackwardCpu, residualCpu } from "./cpu_residual.ts";
import { residualBackwardReference, residualReference } from "./reference.ts";
import { type AdaLnResidualAttrs, type AdaLnResidualBackwardAttrs, adaLnSizes } from "./sizes.ts";
import { residualBackwardWebGpu, residualWebGpu } from "./webgpu.ts";

function sizesOf(name: string, inputs: readonly Spec[], { gate }: AdaLnResidualAttrs) {
  return adaLnSizes(name, inputs, 2, [gate]);
}

function gradientsOf([, y, vectors]: readonly Spec[]): readonly Spec[] {
  return [y, f32(...vectors.shape)];
}

/** The `adaln_residual` kernel: x, y `f32[B, T, D]`, vectors `f32[B, P, D]` -> `f32[B, T, D]` in the dtype of x. */
export const ADALN_RESIDUAL: Kernel<AdaLnResidualAttrs> = {
  name: "adaln_residual",
  infer(inputs, attrs) {
    sizesOf("adaln_residual", inputs, attrs);
    return [inputs[0]];
  },
  cost: (inputs) => streamingCost(inputs, [inputs[0]], 2 * sizeOf(inputs[0].shape)),
  reference: residualReference,
  webgpu: (inputs, attrs, limits) => residualWebGpu(sizesOf("adaln_residual", inputs, attrs), attrs, limits),
  cpu: (inputs, attrs) => residualCpu(sizesOf("adaln_residual", inputs, attrs), attrs),
  vjp: residualVjp,
};

/**
 * The `adaln_residual_backward` kernel: g, y `f32[B, T, D]`, vectors `f32[B, P, D]`, then the earlier gradient of the
 * vectors where there is one -> the gradients of y, in its dtype, and of the vectors, in f32. That of x is g.
 */
export const ADALN_RESIDUAL_BACKWARD: Kernel<AdaLnResidualBackwardAttrs> = {
  name: "adaln_residual_backward",
  infer(inputs, attrs) {
    sizesOf("adaln_residual_backward", inputs, attrs);
    return gradientsOf(inputs);
  },
  cost: (inputs) => streamingCost(inputs, gradientsOf(inputs), 3 * sizeOf(inputs[1].shape)),
  reference: residualBackwardReference,
  webgpu: (inputs, attrs, limits) =>
    residualBackwardWebGpu(sizesOf("adaln_residual_backward", inputs, attrs), attrs, limits),
  cpu: (inputs, attrs) => residualBackwardCpu(sizesOf("adaln_residual_backward", inputs, attrs), attrs),
};

function residualVjp({ inputs, grads: [grad], attrs, before }: VjpContext<AdaLnResidualAttrs>) {
  const [, y, vectors] = inputs;
  if (!grad) return [null, null, null];
  const earlier = before(2);
  const [dy, dVectors] = apply(ADALN_RESIDUAL_BACKWARD, [grad, y, vectors, ...(earlier ? [earlier] : [])], {
    ...attrs,
    beforeVectors: earlier !== null,
  });
  return [grad, dy, dVectors];
}
