import type { View } from "../../../engine/kernel.ts";
import { type GroupedMatmulAttrs, groupedOuterSizes, groupedSizes } from "./sizes.ts";

/** Every row of a group times its expert's weight, in f64; padding rows become zeros. Then the addend, if there is one. */
export function groupedMatmulReference(
  inputs: readonly View[],
  [out]: readonly View[],
  attrs: GroupedMatmulAttrs,
): void {
  const [x, weight, counts, offsets, tileExpert, addend] = inputs.map((view) => view.data);
  const { rows, n, k } = groupedSizes(inputs.map((view) => view.spec), attrs);
  const [stepN, stepK] = attrs.transposeWeight ? [k, 1] : [1, n];
  if (addend) out.data.set(addend);
  else out.data.fill(0);
  for (let row = 0; row < rows; row++) {
    const expert = tileExpert[Math.floor(row / attrs.tile)];
    if (expert < 0 || row >= offsets[expert] + counts[expert]) continue;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      const base = expert * n * k + j * stepN;
      for (let l = 0; l < k; l++) sum += x[row * k + l] * weight[base + l * stepK];
      out.data[row * n + j] += sum;
    }
  }
}

/** The sum of outer products over the rows of each group, in f64; zeros where an expert has no rows. */
export function groupedOuterReference(inputs: readonly View[], [out]: readonly View[]): void {
  const [a, b, counts, offsets] = inputs.map((view) => view.data);
  const { m, n, experts } = groupedOuterSizes(inputs.map((view) => view.spec));
  out.data.fill(0);
  for (let expert = 0; expert < experts; expert++) {
    const result = out.data.subarray(expert * m * n, (expert + 1) * m * n);
    for (let row = offsets[expert]; row < offsets[expert] + counts[expert]; row++) {
      for (let i = 0; i < m; i++) {
        const factor = a[row * m + i];
        for (let j = 0; j < n; j++) result[i * n + j] += factor * b[row * n + j];
      }
    }
  }
}
