/** Constants of AdamW; the learning rate and the decay are tensors. */
export interface AdamwAttrs {
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Wanted where there is an EMA. */
  readonly emaDecay?: number;
  /** Elements that share a row of the coefficients: element i has row `slots[floor(i / line)]`. */
  readonly line: number;
}

/** Constants of a step of AdamW on one parameter. */
export interface AdamwSettings extends Omit<AdamwAttrs, "line"> {
  /** Decoupled: parameters shrink by `lr * weightDecay` a step. */
  readonly weightDecay: number;
}

/** Attributes of `adamw_advance`. */
export interface AdvanceAttrs {
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
}

/** Sizes of a call of `adamw`: lines of `line` elements, the last of which may be shorter. */
export interface AdamwSizes {
  /** Elements. */
  readonly size: number;
  /** Elements of a line. */
  readonly line: number;
}

/**
 * Numbers that `adamw_advance` computes for each slot and `adamw` reads: `lr * weightDecay`, `lr / c1`,
 * `1 / sqrt(c2)`, and the factor on the gradient, or what happens in place of an update.
 */
export const COEFFICIENTS = 4;

/** In place of a gradient factor: the slot got no gradient, only its EMA moves. */
export const IDLE = -1;

/** In place of a gradient factor: the step is void. */
export const HALTED = -2;

/** In `source`: the slot takes part in every step. */
export const ALWAYS: number = -1;

/** In `source`: the slot takes part in no step. */
export const NEVER: number = -2;
