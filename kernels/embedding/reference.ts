import type { View } from "../../engine/kernel.ts";

/** The row that an index means: the nearest one of the table. */
function rowOf(index: number, rows: number): number {
  return Math.min(Math.max(index, 0), rows - 1);
}

/** Copies row `indices[n]` to row n. */
export function embeddingReference(table: View, indices: View, out: View): void {
  const [rows, width] = table.spec.shape;
  indices.data.forEach((index, n) => {
    const row = rowOf(index, rows);
    for (let d = 0; d < width; d++) out.data[n * width + d] = table.data[row * width + d];
  });
}

/** Adds row n to row `indices[n]`, in the order of n; `out` starts at zero. */
export function embeddingBackwardReference(grad: View, indices: View, out: View): void {
  const [rows, width] = out.spec.shape;
  indices.data.forEach((index, n) => {
    const row = rowOf(index, rows);
    for (let d = 0; d < width; d++) out.data[row * width + d] += grad.data[n * width + d];
  });
}
