import type { View } from "../../engine/kernel.ts";
import type { RopeAttrs } from "./kernel.ts";

/** Elements of a reference view. */
export type Elements = View["data"];

/** Where the partner of each channel is, and the sign of its share: -1 in the first half of a block, 1 in the second. */
function partnerOf(d: number, block: number): { partner: number; sign: number } {
  const half = block / 2;
  return d % block < half ? { partner: d + half, sign: -1 } : { partner: d - half, sign: 1 };
}

/**
 * Rotates one head of one token: `y[d] = x[d] cos[d] + sign x[partner] sin[d]`; `inverse` applies the transposed
 * matrix, which is the rotation by the negative angle where partners share an angle.
 *
 * @param n row of the table `[2, N, D]`
 */
export function rotateHead(
  x: Elements,
  xAt: number,
  table: View,
  n: number,
  { block, inverse }: RopeAttrs,
  y: Elements,
  yAt: number,
): void {
  const [, tokens, headDim] = table.spec.shape;
  const cos = n * headDim;
  const sin = (tokens + n) * headDim;
  for (let d = 0; d < headDim; d++) {
    const { partner, sign } = partnerOf(d, block);
    const share = inverse ? -sign * table.data[sin + partner] : sign * table.data[sin + d];
    y[yAt + d] = x[xAt + d] * table.data[cos + d] + x[xAt + partner] * share;
  }
}

/** Rotates every head of every token. */
export function ropeReference(x: View, table: View, out: View, attrs: RopeAttrs): void {
  const [batch, tokens, heads, headDim] = x.spec.shape;
  for (let row = 0; row < batch * tokens * heads; row++) {
    const n = Math.floor(row / heads) % tokens;
    rotateHead(x.data, row * headDim, table, n, attrs, out.data, row * headDim);
  }
}
