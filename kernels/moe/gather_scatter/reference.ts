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

/** `tokens[t] = sum over k of weights[t, k] * y[row[t, k]]`; all weights are 1 where there are none. */
export function combineReference(y: View, weights: View | undefined, row: View, tokens: View): void {
  const [T, K] = row.spec.shape;
  const [, D] = y.spec.shape;
  for (let t = 0; t < T; t++) {
    for (let d = 0; d < D; d++) {
      let sum = 0;
      for (let k = 0; k < K; k++) {
        sum += (weights ? weights.data[t * K + k] : 1) * y.data[row.data[t * K + k] * D + d];
      }
      tokens.data[t * D + d] = sum;
    }
  }
}

/** `rows[r] = weights[slot[r]] * grad[slot[r] / K]`; padding rows are zero. */
export function combineBackwardRowsReference(grad: View, weights: View, slot: View, rows: View): void {
  const [, D] = grad.spec.shape;
  const K = weights.spec.shape[1];
  rows.data.fill(0);
  slot.data.forEach((pair: number, r: number) => {
    if (pair < 0) return;
    const t = Math.floor(pair / K);
    for (let d = 0; d < D; d++) rows.data[r * D + d] = weights.data[pair] * grad.data[t * D + d];
  });
}

/** `weights[t, k] = dot(grad[t], y[row[t, k]])`. */
export function combineBackwardWeightsReference(grad: View, y: View, row: View, weights: View): void {
  const K = row.spec.shape[1];
  const [, D] = grad.spec.shape;
  row.data.forEach((r: number, pair: number) => {
    const t = Math.floor(pair / K);
    let sum = 0;
    for (let d = 0; d < D; d++) sum += grad.data[t * D + d] * y.data[r * D + d];
    weights.data[pair] = sum;
  });
}
