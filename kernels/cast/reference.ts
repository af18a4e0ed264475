import type { View } from "../../engine/kernel.ts";

/** Copies; the device rounds what an `f16` tensor gets. */
export function castReference(inputs: readonly View[], outputs: readonly View[]): void {
  outputs.forEach((out, i) => out.data.set(inputs[i].data));
}
