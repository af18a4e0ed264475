/**
 * Scaled dot-product attention that never stores an N x N matrix.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { blockOf, type Rotation } from "../rope/rotation.ts";
import { ATTENTION } from "./kernel.ts";

export { ATTENTION, ATTENTION_BACKWARD } from "./kernel.ts";
export { type AttentionAttrs } from "./geometry.ts";

/** Queries, keys and values: packed as one linear layer makes them, or apart with fewer key and value heads. */
export type AttentionInputs =
  | {
    /** `f32[B, N, 3, H, D]` */
    readonly qkv: Tensor;
  }
  | {
    /** `f32[B, N, H, D]` */
    readonly q: Tensor;
    /** `f32[B, N, Hkv, D]`; key head j serves query heads `j H/Hkv` to `(j + 1) H/Hkv - 1`. */
    readonly k: Tensor;
    /** `f32[B, N, Hkv, D]` */
    readonly v: Tensor;
  };

/** What attention does beside the softmax. */
export interface AttentionOptions {
  /** Rotates q and k while they are read; see `kernels/rope`. No gradient flows to the table `f32[2, N, D]`. */
  readonly rope?: { readonly table: Tensor; readonly rotation: Rotation };
  /** `f32[H]`: one more logit a head that joins the denominator and adds no value. */
  readonly sinks?: Tensor;
  /** Hides later keys. */
  readonly causal?: boolean;
  /** With `causal`: a query sees this many keys, itself included; 0, the default, for all. */
  readonly window?: number;
}

/**
 * `softmax(q k^T / sqrt(D)) v` for every head, in tiles with an online softmax (Dao et al. 2022). Memory grows with
 * N, not with N^2, in the backward pass too. Head sizes are even; any number of tokens.
 *
 * @returns `f32[B, N, H, D]`
 * @throws {ShapeError} when shapes do not fit, the head size is odd, or Hkv does not divide H
 * @throws {RangeError} when a window is negative, or given without `causal`
 */
export function attention(inputs: AttentionInputs, options: AttentionOptions = {}): Tensor {
  const { rope, sinks, causal = false, window = 0 } = options;
  const operands = "qkv" in inputs ? [inputs.qkv] : [inputs.q, inputs.k, inputs.v];
  if (rope) operands.push(rope.table);
  if (sinks) operands.push(sinks);
  return apply(ATTENTION, operands, {
    packed: "qkv" in inputs,
    block: rope ? blockOf(rope.rotation) : 0,
    sinks: sinks !== undefined,
    causal,
    window,
  })[0];
}
