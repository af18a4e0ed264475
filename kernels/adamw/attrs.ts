/** Constants of AdamW; the learning rate is a tensor. */
export interface AdamwSettings {
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Decoupled: parameters shrink by `lr * weightDecay` a step. */
  readonly weightDecay: number;
  /** Wanted where the state holds an EMA. */
  readonly emaDecay?: number;
}

/** Attributes of `adamw` and `adamw_ema`. */
export type AdamwAttrs = AdamwSettings;

/** Sizes of a call: G groups of `each` elements. */
export interface AdamwSizes {
  /** G. */
  readonly groups: number;
  /** Elements of a group. */
  readonly each: number;
}

/**
 * Numbers that the first launch computes for each group and the second reads: `lr * weightDecay`, `lr / c1`,
 * `1 / sqrt(c2)`, and the factor on the gradient, or what happens in place of an update.
 */
export const COEFFICIENTS = 4;

/** In place of a gradient factor: the group got no gradient, only its EMA moves. */
export const IDLE = -1;

/** In place of a gradient factor: the step is void. */
export const HALTED = -2;
