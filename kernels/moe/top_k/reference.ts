import type { View } from "../../../engine/kernel.ts";

/** The definition of `top_k`: sort, keep, put back in order. Numbers are compared as f32, the values stay f64. */
export function topKReference(x: View, indices: View, values: View, k: number): void {
  const [T, E] = x.spec.shape;
  for (let t = 0; t < T; t++) {
    const row = Float32Array.from({ length: E }, (_, e) => x.data[t * E + e]);
    const order = [...row.keys()].sort((a, b) => row[b] - row[a] || a - b);
    order.slice(0, k).sort((a, b) => a - b).forEach((e, i) => {
      indices.data[t * k + i] = e;
      values.data[t * k + i] = x.data[t * E + e];
    });
  }
}

/** The definition of `top_k_backward`. */
export function topKBackwardReference(indices: View, grad: View, out: View): void {
  const [T, K] = indices.spec.shape;
  const E = out.spec.shape[1];
  out.data.fill(0);
  for (let i = 0; i < T * K; i++) out.data[Math.floor(i / K) * E + indices.data[i]] = grad.data[i];
}
