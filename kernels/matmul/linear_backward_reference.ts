import type { View } from "../../engine/kernel.ts";
import type { LinearBackwardAttrs, LinearSizes } from "./linear_backward.ts";

/** dW = g^T x, db = the sum of g's rows, dx = before + g W, in f64. */
export function linearBackwardReference(
  [g, x, weight, before]: readonly View[],
  outputs: readonly View[],
  { bias, input }: LinearBackwardAttrs,
  { rows, n, k }: LinearSizes,
): void {
  const dWeight = outputs[0].data.fill(0);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < n; j++) {
      const factor = g.data[row * n + j];
      for (let i = 0; i < k; i++) dWeight[j * k + i] += factor * x.data[row * k + i];
    }
  }
  if (bias) {
    const dBias = outputs[1].data.fill(0);
    g.data.forEach((value: number, at: number) => dBias[at % n] += value);
  }
  if (!input) return;
  const dx = outputs[outputs.length - 1].data;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < k; i++) {
      let sum = before ? before.data[row * k + i] : 0;
      for (let j = 0; j < n; j++) sum += g.data[row * n + j] * weight.data[j * k + i];
      dx[row * k + i] = sum;
    }
  }
}
