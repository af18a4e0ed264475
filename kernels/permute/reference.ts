import { stridesOf } from "../../engine/core/shape.ts";
import type { View } from "../../engine/kernel.ts";

/** Finds, for each output element, its coordinates, and reads the input at the permuted ones. */
export function permuteReference(x: View, out: View, order: readonly number[]): void {
  const from = stridesOf(x.spec.shape);
  const to = stridesOf(out.spec.shape);
  for (let i = 0; i < out.data.length; i++) {
    let at = 0;
    order.forEach((dim, d) => at += (Math.floor(i / to[d]) % out.spec.shape[d]) * from[dim]);
    out.data[i] = x.data[at];
  }
}
