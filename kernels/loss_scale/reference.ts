import type { View } from "../../engine/kernel.ts";
import type { ScaledGateAttrs } from "./mod.ts";

/** The definition of `scaled_gate`. */
export function scaledGateReference(
  [norm, loss, halted, scale, good]: readonly View[],
  [gate, unscaled]: readonly View[],
  { maxNorm, growEvery, most }: ScaledGateAttrs,
): void {
  const factor = scale.data[0];
  const finite = Number.isFinite(norm.data[0]) && Number.isFinite(loss.data[0]);
  unscaled.data[0] = Number.isFinite(norm.data[0]) ? norm.data[0] / factor : Infinity;
  if (!finite && factor <= 1) halted.data[0] = 1;
  gate.data[0] = -1;
  if (halted.data[0] !== 0) return;
  if (!finite) {
    scale.data[0] = factor / 2;
    good.data[0] = 0;
    return;
  }
  gate.data[0] = (maxNorm === null ? 1 : Math.min(1, maxNorm / (unscaled.data[0] + 1e-6))) / factor;
  good.data[0] += 1;
  if (good.data[0] < growEvery) return;
  scale.data[0] = Math.min(2 * factor, most);
  good.data[0] = 0;
}
