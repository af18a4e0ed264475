import type { View } from "../../engine/kernel.ts";
import { rowsOf } from "../reduce/rows.ts";

/** Softmax of every row, in f64. */
export function softmaxReference(x: View, y: View): void {
  const { rows, width } = rowsOf("softmax", x.spec);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    let largest = -Infinity;
    for (let i = start; i < start + width; i++) largest = Math.max(largest, x.data[i]);
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += y.data[i] = Math.exp(x.data[i] - largest);
    for (let i = start; i < start + width; i++) y.data[i] /= sum;
  }
}

/** `dx = y * (g - sum(g * y))` of every row, in f64. */
export function softmaxBackwardReference(y: View, g: View, dx: View): void {
  const { rows, width } = rowsOf("softmax", y.spec);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    let dot = 0;
    for (let i = start; i < start + width; i++) dot += g.data[i] * y.data[i];
    for (let i = start; i < start + width; i++) dx.data[i] = y.data[i] * (g.data[i] - dot);
  }
}
