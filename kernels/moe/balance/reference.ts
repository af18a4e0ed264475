import type { View } from "../../../engine/kernel.ts";

/** The definition of `update_balance_bias`. */
export function balanceReference(bias: View, counts: View, gate: View, rate: number): void {
  if (gate.data[0] < 0) return;
  const E = bias.data.length;
  let total = 0;
  for (const count of counts.data) total += count;
  let sum = 0;
  for (let e = 0; e < E; e++) {
    bias.data[e] += rate * Math.sign(total - counts.data[e] * E);
    sum += bias.data[e];
  }
  for (let e = 0; e < E; e++) bias.data[e] -= sum / E;
}
