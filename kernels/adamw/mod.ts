/**
 * AdamW and the exponential moving average of parameters, in place.
 *
 * @module
 */
import { sameShape } from "../../engine/core/shape.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { expectDTypes, formatSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { AdamwSettings } from "./attrs.ts";
import { emaCpu } from "./cpu.ts";
import { ADAMW, ADAMW_EMA } from "./kernel.ts";
import { emaReference } from "./reference.ts";
import { emaWebGpu } from "./webgpu.ts";

export type { AdamwAttrs, AdamwSettings } from "./attrs.ts";
export { ADAMW, ADAMW_EMA } from "./kernel.ts";

/** What AdamW keeps of one parameter; all of it is changed in place. */
export interface AdamwState {
  /** `f32` of any shape; its leading dimension is the groups where G > 1. */
  readonly param: Tensor;
  /** First moment, in the shape of `param`. */
  readonly m: Tensor;
  /** Second moment, in the shape of `param`. */
  readonly v: Tensor;
  /** Moving average of `param`, in its shape. */
  readonly ema?: Tensor;
  /** Updates of each group so far: `u32[G]`. */
  readonly steps: Tensor;
  /** `1 - beta1^steps` and `1 - beta2^steps` of each group, computed here from `steps`: `f32[G, 2]`. */
  readonly correction: Tensor;
}

/** What steers one step. */
export interface AdamwControl {
  /** Learning rate: `f32[1]`. */
  readonly hyper: Tensor;
  /** Factor on the gradient: `f32[1]`; nothing at all happens where it is negative. See `clipGate`. */
  readonly gate: Tensor;
  /** Groups that got a gradient: `i32[G]`; all where absent. The others keep all but their EMA as it is. */
  readonly active?: Tensor;
}

/**
 * One step of AdamW, in place, as `torch.optim.AdamW`: `p *= 1 - lr wd`, `m = beta1 m + (1 - beta1) g`,
 * `v = beta2 v + (1 - beta2) g^2`, `p -= lr (m / c1) / (sqrt(v / c2) + eps)` with `c = 1 - beta^t`, then
 * `ema = d ema + (1 - d) p`. `g` is the gradient times the gate; t counts a group's own updates.
 *
 * Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (arXiv 1711.05101).
 *
 * @param grad in the shape of `param`
 * @throws {ShapeError} when shapes do not fit, or an EMA is given without its decay
 */
export function adamw(
  state: AdamwState,
  grad: Tensor,
  control: AdamwControl,
  settings: AdamwSettings,
): void {
  const { param, m, v, ema, steps, correction } = state;
  const groups = steps.size;
  const active = control.active ?? param.device.constant(`adamw.active.${groups}`, () => ({
    shape: [groups],
    data: new Int32Array(groups).fill(1),
  }));
  const { beta1, beta2, eps, weightDecay, emaDecay } = settings;
  const inputs = [param, m, v, steps, correction, grad, control.hyper, control.gate, active];
  if (!ema) return void apply(ADAMW, inputs, { beta1, beta2, eps, weightDecay });
  if (emaDecay === undefined) {
    throw new ShapeError(`Cannot adamw ${param} with an EMA: emaDecay is wanted, got undefined`);
  }
  apply(ADAMW_EMA, [...inputs, ema], { beta1, beta2, eps, weightDecay, emaDecay });
}

/** Attributes of `ema_update`. */
export interface EmaAttrs {
  /** Weight of the old average. */
  readonly decay: number;
}

/** The `ema_update` kernel: ema (in place), value, gate. */
export const EMA_UPDATE: Kernel<EmaAttrs> = {
  name: "ema_update",
  mutates: [0],
  infer(inputs) {
    expectDTypes("ema_update", inputs, ["f32", "f32", "f32"]);
    const [ema, value, gate] = inputs;
    if (!sameShape(ema.shape, value.shape) || !sameShape(gate.shape, [1])) {
      throw new ShapeError(
        `Cannot ema_update ${
          inputs.map(formatSpec).join(", ")
        }: both must have one shape, and the gate be f32[1]`,
      );
    }
    return [];
  },
  cost: (inputs) => streamingCost(inputs, [inputs[0]], 3 * sizeOf(inputs[0].shape)),
  reference: ([ema, value, gate], _outputs, { decay }) => emaReference(ema, value, gate, decay),
  webgpu: ([ema], { decay }, limits) => emaWebGpu(sizeOf(ema.shape), decay, limits),
  cpu: ([ema], { decay }) => emaCpu(sizeOf(ema.shape), decay),
};

/**
 * `ema = decay * ema + (1 - decay) * value`, in place, for buffers that no optimizer touches; nothing where the gate
 * is negative.
 *
 * @param ema `f32` of any shape
 * @param value in the shape of `ema`
 * @param gate `f32[1]`
 */
export function emaUpdate(ema: Tensor, value: Tensor, gate: Tensor, decay: number): void {
  apply(EMA_UPDATE, [ema, value, gate], { decay });
}
