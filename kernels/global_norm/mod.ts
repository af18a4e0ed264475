/**
 * The norm of all gradients together, and what follows from it for a step: clipping, or stopping.
 *
 * @module
 */
import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, formatSpec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import clipGateSource from "./clip_gate.wgsl" with { type: "text" };
import { clipGateCpu, globalNormCpu } from "./cpu.ts";
import { clipGateReference, globalNormReference } from "./reference.ts";
import { globalNormWebGpu } from "./webgpu.ts";

/** The `global_norm` kernel: any number of tensors -> `f32[1]`. */
export const GLOBAL_NORM: Kernel = {
  name: "global_norm",
  infer(inputs) {
    if (inputs.length === 0) throw new ShapeError("Cannot global_norm: at least 1 tensor wanted, got 0");
    expectDTypes("global_norm", inputs, inputs.map(() => "f32" as const));
    return [f32(1)];
  },
  cost(inputs) {
    const elements = inputs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
    return streamingCost(inputs, [f32(1)], 2 * elements + 1);
  },
  reference: (inputs, [norm]) => globalNormReference(inputs, norm),
  webgpu: (inputs, _attrs, limits) => globalNormWebGpu(inputs.map(({ shape }) => sizeOf(shape)), limits),
  cpu: (inputs) => globalNormCpu(inputs.map(({ shape }) => sizeOf(shape))),
};

/**
 * The L2 norm of all elements of all tensors: `f32[1]`. The order of the sum is fixed. Infinite where the sum of the
 * squares exceeds the range of f32.
 *
 * @param grads `f32` of any shapes, at least one
 * @throws {ShapeError} when there is none
 * @throws {DTypeError} when one is not `f32`
 */
export function globalNorm(grads: readonly Tensor[]): Tensor {
  if (grads.length === 0) throw new ShapeError("Cannot global_norm: at least 1 tensor wanted, got 0");
  return apply(GLOBAL_NORM, grads, {})[0];
}

/** Attributes of `clip_gate`. */
export interface ClipGateAttrs {
  /** Largest norm; null for no clipping. */
  readonly maxNorm: number | null;
}

/** The `clip_gate` kernel: norm, loss, halted (in place) -> gate. */
export const CLIP_GATE: Kernel<ClipGateAttrs> = {
  name: "clip_gate",
  mutates: [2],
  infer(inputs, { maxNorm }) {
    expectDTypes("clip_gate", inputs, ["f32", "f32", "u32"]);
    const [norm, loss, halted] = inputs;
    const at = `Cannot clip_gate ${inputs.map(formatSpec).join(", ")}`;
    if (!sameShape(norm.shape, [1]) || sizeOf(loss.shape) !== 1 || !sameShape(halted.shape, [1])) {
      throw new ShapeError(`${at}: f32[1], f32[] and u32[1] are wanted`);
    }
    if (maxNorm !== null && !(maxNorm > 0 && Number.isFinite(maxNorm))) {
      throw new ShapeError(`${at}: maxNorm must be null or a finite number above 0, got ${maxNorm}`);
    }
    return [f32(1)];
  },
  cost: (inputs) => streamingCost(inputs, [inputs[2], f32(1)], 3),
  reference: ([norm, loss, halted], [gate], { maxNorm }) =>
    clipGateReference(norm, loss, halted, gate, maxNorm),
  webgpu: (_inputs, { maxNorm }) => ({
    launches: [{
      source: clipGateSource,
      overrides: { CLIP: Number(maxNorm !== null), MAX_NORM: maxNorm ?? 0 },
      bindings: [0, 1, 2, 3],
      groups: [1, 1, 1],
    }],
  }),
  cpu: (_inputs, { maxNorm }) => clipGateCpu(maxNorm),
};

/**
 * The factor that a step's gradients get: `f32[1]`, `min(1, maxNorm / (norm + 1e-6))`, or 1 without clipping. Where
 * norm or loss is not finite, `halted` becomes 1 and stays so; while it is not 0, the gate is -1: no optimizer moves.
 *
 * Source: Pascanu et al., "On the difficulty of training recurrent neural networks" (arXiv 1211.5063); the factor is
 * that of `torch.nn.utils.clip_grad_norm_`.
 *
 * @param norm `f32[1]`, see `globalNorm`
 * @param loss one `f32`
 * @param halted `u32[1]`, changed in place; zero it to start anew
 * @throws {ShapeError} when shapes do not fit or `maxNorm` is not above 0
 */
export function clipGate(norm: Tensor, loss: Tensor, halted: Tensor, maxNorm: number | null): Tensor {
  return apply(CLIP_GATE, [norm, loss, halted], { maxNorm })[0];
}
