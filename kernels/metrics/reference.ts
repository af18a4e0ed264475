import type { View } from "../../engine/kernel.ts";

/** Copies `value` to row `step % capacity`, from `column` on. */
export function logRowReference(ring: View, rng: View, value: View, column: number): void {
  const [capacity, width] = ring.spec.shape;
  const at = (rng.data[2] % capacity) * width + column;
  value.data.forEach((element, i) => ring.data[at + i] = element);
}
