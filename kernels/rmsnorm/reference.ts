import type { View } from "../../engine/kernel.ts";
import { rowsOf } from "../reduce/rows.ts";

function scaleOf(data: View["data"], start: number, width: number, eps: number): number {
  let squares = 0;
  for (let c = 0; c < width; c++) squares += data[start + c] ** 2 / width;
  return 1 / Math.sqrt(squares + eps);
}

/** `x / sqrt(mean(x^2) + eps) * weight` of every row, in f64. */
export function rmsnormReference([x, weight]: readonly View[], y: View, eps: number): void {
  const { rows, width } = rowsOf("rmsnorm", x.spec);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    const scale = scaleOf(x.data, start, width, eps);
    for (let c = 0; c < width; c++) y.data[start + c] = x.data[start + c] * scale * weight.data[c];
  }
}

/** Gradient of the input, and `1 / sqrt(mean(x^2) + eps)` of every row, in f64. */
export function rmsnormBackwardReference(
  [g, x, weight]: readonly View[],
  [dx, rowScale]: readonly View[],
  eps: number,
): void {
  const { rows, width } = rowsOf("rmsnorm_backward", x.spec);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    const scale = scaleOf(x.data, start, width, eps);
    let along = 0;
    for (let c = 0; c < width; c++) {
      along += g.data[start + c] * weight.data[c] * x.data[start + c] * scale / width;
    }
    for (let c = 0; c < width; c++) {
      const normal = x.data[start + c] * scale;
      dx.data[start + c] = scale * (g.data[start + c] * weight.data[c] - normal * along);
    }
    rowScale.data[row] = scale;
  }
}
