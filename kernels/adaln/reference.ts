import type { View } from "../../engine/kernel.ts";
import { layernormBackwardReference, layernormReference } from "../layernorm/reference.ts";
import type { AdaLnNormAttrs, AdaLnNormBackwardAttrs, AdaLnResidualAttrs } from "./sizes.ts";

/** Where vector `part` of the batch item of element `i` of x has its element. */
function placeOf(x: View, vectors: View): (i: number, part: number) => number {
  const [, tokens, width] = x.spec.shape;
  const [, parts] = vectors.spec.shape;
  return (i, part) => (Math.floor(i / (tokens * width)) * parts + part) * width + i % width;
}

/** `norm(x) * (1 + scale) + shift`. */
export function normReference(
  [x, vectors]: readonly View[],
  [y]: readonly View[],
  { shift, scale, eps }: AdaLnNormAttrs,
): void {
  const at = placeOf(x, vectors);
  layernormReference([x], y, eps);
  y.data.forEach((normal: number, i: number) => {
    y.data[i] = normal * (1 + vectors.data[at(i, scale)]) + vectors.data[at(i, shift)];
  });
}

/** Gradients of x and of the vectors, each added to the earlier one where it is given. */
export function normBackwardReference(
  [g, x, vectors, ...before]: readonly View[],
  [dx, dVectors]: readonly View[],
  { shift, scale, eps, beforeX, beforeVectors }: AdaLnNormBackwardAttrs,
): void {
  const at = placeOf(x, vectors);
  const like = () => ({ spec: x.spec, data: new Float64Array(x.data.length) });
  const [normal, h] = [like(), like()];
  layernormReference([x], normal, eps);
  if (beforeVectors) dVectors.data.set(before[before.length - 1].data);
  else dVectors.data.fill(0);
  g.data.forEach((value: number, i: number) => {
    h.data[i] = value * (1 + vectors.data[at(i, scale)]);
    dVectors.data[at(i, shift)] += value;
    dVectors.data[at(i, scale)] += value * normal.data[i];
  });
  const rows = { spec: x.spec, data: new Float64Array(x.data.length) };
  layernormBackwardReference([h, x], [dx, rows, rows], eps);
  if (beforeX) before[0].data.forEach((value: number, i: number) => dx.data[i] += value);
}

/** `x + gate * y`. */
export function residualReference(
  [x, y, vectors]: readonly View[],
  [out]: readonly View[],
  { gate }: AdaLnResidualAttrs,
): void {
  const at = placeOf(x, vectors);
  x.data.forEach((value: number, i: number) => {
    out.data[i] = value + vectors.data[at(i, gate)] * y.data[i];
  });
}

/** Gradients of y and of the vectors, the latter added to the earlier one where it is given. */
export function residualBackwardReference(
  [g, y, vectors, before]: readonly View[],
  [dy, dVectors]: readonly View[],
  { gate }: AdaLnResidualAttrs,
): void {
  const at = placeOf(y, vectors);
  if (before) dVectors.data.set(before.data);
  else dVectors.data.fill(0);
  g.data.forEach((value: number, i: number) => {
    dy.data[i] = value * vectors.data[at(i, gate)];
    dVectors.data[at(i, gate)] += value * y.data[i];
  });
}
