import type { View } from "../../../engine/kernel.ts";

/** `rows[r] = x[slot[r] / K]`; padding rows are zero. */
export function gatherReference(x: View, slot: View, row: View, rows: View): void {
  const [, D] = x.spec.shape;
  const K = row.spec.shape[1];
  rows.data.fill(0);
  slot.data.forEach((pair: number, r: number) => {
    if (pair < 0) return;
    const t = Math.floor(pair / K);
    for (let d = 0; d < D; d++) rows.data[r * D + d] = x.data[t * D + d];
  });
}

/** `tokens[t] = base[t] + sum over k of weights[t, k] * y[row[t, k]]`; without weights all are 1, without base it is 0. */
export function combineReference(
  y: View,
  weights: View | undefined,
  row: View,
  base: View | undefined,
  tokens: View,
): void {
  const [T, K] = row.spec.shape;
  const [, D] = y.spec.shape;
  for (let t = 0; t < T; t++) {
    for (let d = 0; d < D; d++) {
      let sum = base ? base.data[t * D + d] : 0;
      for (let k = 0; k < K; k++) {
        sum += (weights ? weights.data[t * K + k] : 1) * y.data[row.data[t * K + k] * D + d];
      }
      tokens.data[t * D + d] = sum;
    }
  }
}

/**
 * `rows[r] = weights[p] * grad[t]` and `dWeights[p] = dot(grad[t], y[r])` for the pair p = (t, k) and its row r; zero for
 * padding rows, and for a pair that has no row of its own.
 */
export function combineBackwardReference(
  [grad, y, weights, row, slot]: readonly View[],
  [rows, dWeights]: readonly View[],
): void {
  const [, D] = grad.spec.shape;
  const K = weights.spec.shape[1];
  rows.data.fill(0);
  row.data.forEach((r: number, pair: number) => {
    dWeights.data[pair] = 0;
    if (slot.data[r] !== pair) return;
    const t = Math.floor(pair / K);
    for (let d = 0; d < D; d++) {
      rows.data[r * D + d] = weights.data[pair] * grad.data[t * D + d];
      dWeights.data[pair] += grad.data[t * D + d] * y.data[r * D + d];
    }
  });
}
