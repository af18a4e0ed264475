/** Attributes of `route`. */
export interface RouteAttrs {
  /** Groups of neighbouring experts; divides E. */
  readonly groups: number;
  /** Groups that stay for a token. */
  readonly topkGroups: number;
  /** Experts that a token chooses. */
  readonly topk: number;
  /** Factor on the weights. */
  readonly scaling: number;
  /** Whether weights are divided by their sum; without effect where `topk` is 1. */
  readonly normalize: boolean;
}

/** The most experts that one lane keeps scores of. */
export const MOST_EXPERTS = 256;

/** Added to the sum of scores before dividing. */
export const SUM_EPSILON = 1e-20;

/** Whether weights are normalised: the reference leaves a single weight alone. */
export function normalizes({ normalize, topk }: RouteAttrs): boolean {
  return normalize && topk > 1;
}
