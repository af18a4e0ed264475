/**
 * Dynamic loss scaling: gradients are computed of a multiple of the loss, so that they stay within the range of half
 * precision, and the multiple is found on the way, without the host.
 *
 * @module
 */
import { ShapeError } from "../../engine/core/errors.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { scaledGateCpu } from "./cpu.ts";
import { scaledGateReference } from "./reference.ts";
import source from "./scaled_gate.wgsl" with { type: "text" };

/** Attributes of `scaled_gate`. */
export interface ScaledGateAttrs {
  /** Largest norm of the gradients; null for no clipping. */
  readonly maxNorm: number | null;
  /** Good steps in a row after which the scale doubles. */
  readonly growEvery: number;
  /** Largest scale. */
  readonly most: number;
}

/** The `scaled_gate` kernel: norm, loss, halted, scale, good (the last three in place) -> gate, norm. */
export const SCALED_GATE: Kernel<ScaledGateAttrs> = {
  name: "scaled_gate",
  mutates: [2, 3, 4],
  infer(inputs, { maxNorm, growEvery, most }) {
    expectDTypes("scaled_gate", inputs, ["f32", "f32", "u32", "f32", "i32"]);
    const at = `Cannot scaled_gate ${inputs.map(formatSpec).join(", ")}`;
    if (inputs.some(({ shape }) => sizeOf(shape) !== 1)) {
      throw new ShapeError(`${at}: one number each is wanted`);
    }
    if (maxNorm !== null && !(maxNorm > 0 && Number.isFinite(maxNorm))) {
      throw new ShapeError(`${at}: maxNorm must be null or a finite number above 0, got ${maxNorm}`);
    }
    if (!(Number.isInteger(growEvery) && growEvery >= 1)) {
      throw new ShapeError(`${at}: growEvery must be a whole number of at least 1, got ${growEvery}`);
    }
    if (!(most >= 1 && Number.isFinite(Math.fround(most)))) {
      throw new ShapeError(`${at}: most must be a finite number of at least 1, got ${most}`);
    }
    return [f32(1), f32(1)];
  },
  cost: (inputs) => streamingCost(inputs, [...inputs.slice(2), f32(1), f32(1)], 6),
  reference: scaledGateReference,
  webgpu: (_inputs, { maxNorm, growEvery, most }) => ({
    launches: [{
      source,
      overrides: {
        CLIP: Number(maxNorm !== null),
        MAX_NORM: maxNorm ?? 0,
        GROW_EVERY: growEvery,
        MOST: most,
      },
      bindings: [0, 1, 2, 3, 4, 5, 6],
      groups: [1, 1, 1],
    }],
  }),
  cpu: (_inputs, attrs) => scaledGateCpu(attrs),
};

/** What dynamic loss scaling remembers from step to step; all of it is changed in place. */
export interface LossScaleState {
  /** `u32[1]`, 1 once a step was not finite at scale 1; no later step moves anything until it is 0 again. */
  readonly halted: Tensor;
  /** `f32[]`, what the loss is multiplied by: a power of two, 1 at least. */
  readonly scale: Tensor;
  /** `i32[1]`, finite steps since the scale last changed. */
  readonly good: Tensor;
}

/**
 * What `clipGate` is to gradients of the loss, for gradients of `scale` times the loss: `gate`, the factor that makes
 * them gradients of the loss and clips them, `min(1, maxNorm / (norm + 1e-6)) / scale`; and `norm`, that of the
 * gradients of the loss, infinite where it is not a number.
 *
 * Where norm or loss is not finite, the gate is -1, so that no optimizer moves, and the scale is halved for the next
 * step; at scale 1 there is nothing to halve, and `halted` becomes 1. After `growEvery` finite steps in a row the scale
 * doubles, up to `most`.
 *
 * Source: Micikevicius et al., "Mixed Precision Training" (arXiv 1710.03740), section 3.2; the schedule is that of
 * `torch.amp.GradScaler`.
 *
 * @param norm `f32[1]`, of the scaled gradients; see `globalNorm`
 * @param loss one `f32`, not scaled
 * @throws {ShapeError} when shapes do not fit or an attribute is out of its range
 */
export function scaledGate(
  norm: Tensor,
  loss: Tensor,
  { halted, scale, good }: LossScaleState,
  attrs: ScaledGateAttrs,
): { gate: Tensor; norm: Tensor } {
  const [gate, unscaled] = apply(SCALED_GATE, [norm, loss, halted, scale, good], attrs);
  return { gate, norm: unscaled };
}
