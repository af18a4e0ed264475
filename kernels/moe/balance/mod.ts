/**
 * The balance rule that keeps experts equally loaded without an auxiliary loss.
 *
 * @module
 */
import { ShapeError } from "../../../engine/core/errors.ts";
import { sameShape } from "../../../engine/core/shape.ts";
import { expectDTypes, formatSpec, type Spec } from "../../../engine/core/spec.ts";
import { apply } from "../../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { balanceCpu } from "./cpu.ts";
import { balanceReference } from "./reference.ts";
import source from "./balance.wgsl" with { type: "text" };

/** Attributes of `update_balance_bias`. */
export interface BalanceAttrs {
  /** Step of the bias, gamma in the paper. */
  readonly rate: number;
}

/** The `update_balance_bias` kernel: bias (in place), counts, gate. */
export const UPDATE_BALANCE_BIAS: Kernel<BalanceAttrs> = {
  name: "update_balance_bias",
  mutates: [0],
  infer(inputs, { rate }) {
    expectDTypes("update_balance_bias", inputs, ["f32", "i32", "f32"]);
    checkBalance(inputs, rate);
    return [];
  },
  cost: (inputs) => streamingCost(inputs, [inputs[0]], 6 * inputs[0].shape[0]),
  reference: ([bias, counts, gate], _outputs, { rate }) => balanceReference(bias, counts, gate, rate),
  webgpu: ([bias], { rate }) => ({
    launches: [{
      source,
      overrides: { EXPERTS: bias.shape[0], RATE: rate },
      bindings: [0, 1, 2],
      groups: [1, 1, 1],
    }],
  }),
  cpu: ([bias], { rate }) => balanceCpu(bias.shape[0], rate),
};

function checkBalance(inputs: readonly Spec[], rate: number): void {
  const [bias, counts, gate] = inputs;
  const at = `Cannot update_balance_bias ${inputs.map(formatSpec).join(", ")} at rate ${rate}`;
  if (bias.shape.length !== 1 || !sameShape(bias.shape, counts.shape)) {
    throw new ShapeError(`${at}: bias and counts must be f32[E] and i32[E]`);
  }
  if (!sameShape(gate.shape, [1])) throw new ShapeError(`${at}: the gate must be f32[1]`);
  if (!Number.isFinite(rate)) throw new ShapeError(`${at}: the rate must be a finite number`);
}

/**
 * One step of the balance rule, in place: `b_i += rate * sign(mean(c) - c_i)`, then `b -= mean(b)`, so that the
 * biases cannot drift together. Nothing happens where `gate[0] < 0`.
 *
 * Source: Wang et al., "Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts" (arXiv 2408.15664);
 * the re-centring is ours.
 *
 * @param bias `f32[E]`, the correction bias of `route`
 * @param counts `i32[E]`, pairs that each expert got in this step; `E * sum(counts)` must stay below 2^31
 * @param gate `f32[1]`, see `clipGate`
 * @throws {ShapeError} when shapes do not fit
 */
export function updateBalanceBias(bias: Tensor, counts: Tensor, gate: Tensor, rate: number): void {
  apply(UPDATE_BALANCE_BIAS, [bias, counts, gate], { rate });
}
