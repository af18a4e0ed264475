import type { View } from "../../../engine/kernel.ts";
import { normalizes, type RouteAttrs, SUM_EPSILON } from "./attrs.ts";

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Indices of the `count` largest values, ties to the lower index, ascending. */
function best(values: ArrayLike<number>, count: number): number[] {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
  return order.slice(0, count).sort((a, b) => a - b);
}

/** The experts of one token, from its biased scores. Changes `biased` where groups are dropped. */
function choose(biased: Float32Array, { groups, topkGroups, topk }: RouteAttrs): number[] {
  if (topkGroups < groups) {
    const size = biased.length / groups;
    const group = (g: number) => biased.subarray(g * size, (g + 1) * size);
    const scores = Float32Array.from({ length: groups }, (_, g) => {
      const [first, second] = group(g).toSorted().reverse();
      return first + second;
    });
    const kept = best(scores, topkGroups);
    for (let g = 0; g < groups; g++) if (!kept.includes(g)) group(g).fill(0);
  }
  return best(biased, topk);
}

/** The definition of `route`. Selection compares scores that are rounded to f32, weights are f64. */
export function routeReference(
  logits: View,
  bias: View,
  indices: View,
  weights: View,
  attrs: RouteAttrs,
): void {
  const [T, E] = logits.spec.shape;
  const { topk, scaling } = attrs;
  for (let t = 0; t < T; t++) {
    const scores = Float64Array.from({ length: E }, (_, e) => sigmoid(logits.data[t * E + e]));
    const chosen = choose(Float32Array.from(scores, (s, e) => Math.fround(s) + bias.data[e]), attrs);
    const sum = normalizes(attrs) ? chosen.reduce((total, e) => total + scores[e], SUM_EPSILON) : 1;
    chosen.forEach((e, k) => {
      indices.data[t * topk + k] = e;
      weights.data[t * topk + k] = (scores[e] / sum) * scaling;
    });
  }
}

/** The definition of `route_backward`: zero but at the chosen experts. */
export function routeBackwardReference(
  logits: View,
  indices: View,
  grad: View,
  out: View,
  { scaling, normalize }: { scaling: number; normalize: boolean },
): void {
  const [T, E] = logits.spec.shape;
  const K = indices.spec.shape[1];
  out.data.fill(0);
  for (let t = 0; t < T; t++) {
    const chosen = Array.from({ length: K }, (_, k) => indices.data[t * K + k]);
    const scores = chosen.map((e) => sigmoid(logits.data[t * E + e]));
    const sum = normalize ? scores.reduce((total, s) => total + s, SUM_EPSILON) : 1;
    const mean = normalize ? scores.reduce((total, s, k) => total + s * grad.data[t * K + k], 0) / sum : 0;
    chosen.forEach((e, k) => {
      const slope = scores[k] * (1 - scores[k]);
      out.data[t * E + e] = (scaling / sum) * (grad.data[t * K + k] - mean) * slope;
    });
  }
}
