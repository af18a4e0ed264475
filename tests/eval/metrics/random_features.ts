import { Philox } from "../../../engine/core/random.ts";
import type { Features } from "../../../eval/metrics/mod.ts";

/** Features in f32. */
export type FloatFeatures = Features & { readonly data: Float32Array };

/** Normal numbers with a mean of `shift`, mixed so that columns are correlated: `f32[rows, columns]`. */
export function randomFeatures(seed: number, rows: number, columns: number, shift = 0): FloatFeatures {
  const drawn = new Philox(seed, 1).normals(rows * columns);
  const data = drawn.map((value, i) => shift + value + 0.5 * drawn[i - (i % columns)] * ((i % columns) % 3));
  return { rows, columns, data };
}

/** Written-out rows as features: `f32[N, D]`. */
export function featuresOf(...rows: readonly (readonly number[])[]): Features {
  return { rows: rows.length, columns: rows[0].length, data: Float32Array.from(rows.flat()) };
}
