import { normalFromBits, Philox, uniformFromBits } from "../../engine/core/random.ts";
import type { View } from "../../engine/kernel.ts";

/** Random words of all elements: the host's generator. */
function bitsOf({ data: [low, high, step] }: View, count: number, stream: number): Uint32Array {
  return new Philox(BigInt(low) + (BigInt(high) << 32n), stream, step).bits(count);
}

/** Uniform numbers, exact. */
export function uniformReference(rng: View, out: View, stream: number): void {
  bitsOf(rng, out.data.length, stream).forEach((bits, i) => out.data[i] = uniformFromBits(bits));
}

/** Normal numbers, exact. */
export function normalReference(rng: View, table: View, out: View, stream: number): void {
  const fixedPoint = Int32Array.from(table.data);
  bitsOf(rng, out.data.length, stream).forEach((bits, i) => out.data[i] = normalFromBits(bits, fixedPoint));
}
