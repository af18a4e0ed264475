/** Attributes of `dispatch`. */
export interface DispatchAttrs {
  /** E, number of experts. */
  readonly experts: number;
  /** Rows that each expert is padded to. */
  readonly tile: number;
}

/** Pairs of a block, lanes of a workgroup, and the most experts: in each role one lane handles one. */
export const MOST_EXPERTS = 256;

/**
 * The most rows that `pairs` pairs can fill, over all ways to spread them: `tile * floor((n + m (tile - 1)) / tile)`
 * with `m = min(experts, n)` experts in use. The kernel card proves that no smaller number is enough.
 */
export function dispatchRows(pairs: number, experts: number, tile: number): number {
  const used = Math.min(experts, pairs);
  return tile * Math.floor((pairs + used * (tile - 1)) / tile);
}
