import type { View } from "../../engine/kernel.ts";

/** The definition of `global_norm`. */
export function globalNormReference(inputs: readonly View[], norm: View): void {
  let sum = 0;
  for (const { data } of inputs) for (const x of data) sum += x * x;
  norm.data[0] = Math.sqrt(sum);
}

/** The definition of `clip_gate`. */
export function clipGateReference(
  norm: View,
  loss: View,
  halted: View,
  gate: View,
  maxNorm: number | null,
): void {
  if (!Number.isFinite(norm.data[0]) || !Number.isFinite(loss.data[0])) halted.data[0] = 1;
  if (halted.data[0] !== 0) gate.data[0] = -1;
  else gate.data[0] = maxNorm === null ? 1 : Math.min(1, maxNorm / (norm.data[0] + 1e-6));
}
