import type { View } from "../../engine/kernel.ts";
import { type MatmulAttrs, type MatmulSizes, matmulSizes } from "./sizes.ts";

type Elements = View["data"];

/** C = op(A) op(B) + bias in f64; whichever operand is transposed, the inner loop walks rows. */
export function matmulReference(
  inputs: readonly View[],
  [out]: readonly View[],
  attrs: MatmulAttrs,
): void {
  const [a, b, bias] = inputs;
  const sizes = matmulSizes(inputs.map((view) => view.spec), attrs);
  const { batch, m, n, k } = sizes;
  const multiply = attrs.transB ? multiplyByRows : multiplyByColumns;
  for (let i = 0; i < batch; i++) {
    const result = out.data.subarray(i * m * n, (i + 1) * m * n);
    const left = a.data.subarray(i * m * k, (i + 1) * m * k);
    multiply(
      attrs.transA ? transposed(left, m, k) : left,
      b.data.subarray(i * k * n, (i + 1) * k * n),
      result,
      sizes,
    );
    if (bias) result.forEach((value, j) => result[j] = value + bias.data[j % n]);
  }
}

/** Rows of a stored `[columns, rows]` matrix as `[rows, columns]`. */
function transposed(x: Elements, rows: number, columns: number): Elements {
  return Float64Array.from({ length: x.length }, (_, i) => x[(i % columns) * rows + Math.floor(i / columns)]);
}

/** B stored as `[n, k]`: dot products. */
function multiplyByRows(a: Elements, b: Elements, out: Elements, { m, n, k }: MatmulSizes): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a[i * k + l] * b[j * k + l];
      out[i * n + j] = sum;
    }
  }
}

/** B stored as `[k, n]`: rows of B added to a row of C. */
function multiplyByColumns(a: Elements, b: Elements, out: Elements, { m, n, k }: MatmulSizes): void {
  out.fill(0);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const factor = a[i * k + l];
      for (let j = 0; j < n; j++) out[i * n + j] += factor * b[l * n + j];
    }
  }
}
