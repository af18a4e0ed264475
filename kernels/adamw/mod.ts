/**
 * AdamW and the exponential moving average of parameters, in place.
 *
 * @module
 */
import type { HostArray } from "../../engine/core/dtype.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { expectDTypes, formatSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { ADAMW_ADVANCE } from "./advance.ts";
import { type AdamwAttrs, type AdamwSettings, type AdvanceAttrs, ALWAYS } from "./attrs.ts";
import { emaCpu } from "./cpu.ts";
import { ADAMW, ADAMW_EMA } from "./kernel.ts";
import { emaReference } from "./reference.ts";
import { emaWebGpu } from "./webgpu.ts";

export { ADAMW_ADVANCE } from "./advance.ts";
export { type AdamwAttrs, type AdamwSettings, type AdvanceAttrs, ALWAYS, NEVER } from "./attrs.ts";
export { ADAMW, ADAMW_EMA } from "./kernel.ts";

/** Step counters of parameters, one slot for each of them or for each expert of a stack; changed in place. */
export interface AdamwCounters {
  /** Updates of each slot so far: `u32[S]`. */
  readonly steps: Tensor;
  /** `1 - beta1^steps` and `1 - beta2^steps` of each slot, computed here from `steps`: `f32[S, 2]`. */
  readonly correction: Tensor;
}

/** Which slots take part in a step, and how parameters shrink. */
export interface AdamwSlots {
  /** Tokens of experts, or any other numbers: `i32[C]`. A slot whose number is 0 got no gradient. */
  readonly counts: Tensor;
  /** For each slot its place in `counts`, or `ALWAYS`, or `NEVER`: `i32[S]`. */
  readonly source: Tensor;
  /** Decoupled decay of each slot: `f32[S]`. */
  readonly decay: Tensor;
}

/** Values that AdamW changes in place. */
export interface AdamwValues {
  /** `f32` of any shape. */
  readonly param: Tensor;
  /** First moment, in the shape of `param`. */
  readonly m: Tensor;
  /** Second moment, in the shape of `param`. */
  readonly v: Tensor;
  /** Moving average of `param`, in its shape. */
  readonly ema?: Tensor;
}

/** What AdamW keeps of one parameter; all of it is changed in place. G is 1, or the leading dimension of `param`. */
export type AdamwState = AdamwValues & AdamwCounters;

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
 * Counts one step of every slot that takes part, and gives what `adamwLines` needs of each slot: `f32[S, 4]`.
 *
 * @param control learning rate and gate
 * @throws {ShapeError} when shapes do not fit
 */
export function adamwAdvance(
  { steps, correction }: AdamwCounters,
  { hyper, gate }: Omit<AdamwControl, "active">,
  { counts, source, decay }: AdamwSlots,
  { beta1, beta2 }: AdvanceAttrs,
): Tensor {
  return apply(ADAMW_ADVANCE, [steps, correction, hyper, gate, counts, source, decay], { beta1, beta2 })[0];
}

/**
 * One step of AdamW for any number of parameters that lie in one buffer, in lines of equal length: each line belongs
 * to one slot.
 *
 * @param grad in the shape of `values.param`
 * @param coefficients from `adamwAdvance`, `f32[S, 4]`
 * @param slots slot of each line, `i32[size / line]`
 * @throws {ShapeError} when shapes do not fit, or an EMA is given without its decay
 */
export function adamwLines(
  { param, m, v, ema }: AdamwValues,
  grad: Tensor,
  coefficients: Tensor,
  slots: Tensor,
  { beta1, beta2, eps, emaDecay, line }: AdamwAttrs,
): void {
  const inputs = [param, m, v, grad, coefficients, slots];
  if (!ema) return void apply(ADAMW, inputs, { beta1, beta2, eps, line });
  if (emaDecay === undefined) {
    throw new ShapeError(`Cannot adamw ${param} with an EMA: emaDecay is wanted, got undefined`);
  }
  apply(ADAMW_EMA, [...inputs, ema], { beta1, beta2, eps, emaDecay, line });
}

/**
 * One step of AdamW on one parameter, in place, as `torch.optim.AdamW`: `p *= 1 - lr wd`, `m = beta1 m + (1 - beta1) g`,
 * `v = beta2 v + (1 - beta2) g^2`, `p -= lr (m / c1) / (sqrt(v / c2) + eps)` with `c = 1 - beta^t`, then
 * `ema = d ema + (1 - d) p`. `g` is the gradient times the gate; t counts a group's own updates. For many parameters
 * at once there are `adamwAdvance` and `adamwLines`.
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
  { weightDecay, ...settings }: AdamwSettings,
): void {
  const { param: { device, size }, steps: { size: groups } } = state;
  const table = (name: string, data: HostArray) =>
    device.constant(`adamw.${name}.${groups}`, () => ({ shape: [groups], data }));
  const numbers = Int32Array.from({ length: groups }, (_, group) => group);
  const order = table("order", numbers);
  const coefficients = adamwAdvance(state, control, {
    counts: control.active ?? order,
    source: control.active ? order : table("always", new Int32Array(groups).fill(ALWAYS)),
    decay: table(`decay ${weightDecay}`, new Float32Array(groups).fill(weightDecay)),
  }, settings);
  adamwLines(state, grad, coefficients, order, { ...settings, line: size / groups });
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
