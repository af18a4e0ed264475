import type { View } from "../../engine/kernel.ts";

/** `target[i] = source[i]`. */
export function assignReference(target: View, source: View): void {
  target.data.set(source.data);
}
