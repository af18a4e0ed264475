import type { View } from "../../engine/kernel.ts";
import { rotateHead } from "../rope/reference.ts";
import { type AttentionAttrs, type Geometry, geometryOf, visibleKeys } from "./geometry.ts";

/** One head in f64: rotated queries and keys, and values, `[N, D]` each. */
interface Head {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
}

/**
 * `out = softmax(q k^T / sqrt(D)) v`, head by head; `lse` is the logarithm of the softmax's denominator.
 *
 * @param inputs qkv or q, k, v; then the table and the sinks where there are any
 */
export function attentionReference(
  inputs: readonly View[],
  [out, lse]: readonly View[],
  attrs: AttentionAttrs,
): void {
  const g = geometryOf(inputs.map((view) => view.spec), attrs);
  forEachHead(g, (b, h) => {
    const head = loadHead(inputs, g, attrs, b, h);
    for (let n = 0; n < g.tokens; n++) {
      const [low, high] = visibleKeys(n, g.tokens, attrs);
      const scores = scoresOf(head, g, n, low, high);
      const sink = attrs.sinks ? inputs[g.sinks].data[h] : -Infinity;
      const most = scores.reduce((a, b) => Math.max(a, b), sink);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - most), Math.exp(sink - most));
      lse.data[(b * g.heads + h) * g.tokens + n] = most + Math.log(total);
      const at = ((b * g.tokens + n) * g.heads + h) * g.headDim;
      scores.forEach((score, i) => {
        const p = Math.exp(score - most) / total;
        for (let d = 0; d < g.headDim; d++) out.data[at + d] += p * head.v[(low + i) * g.headDim + d];
      });
    }
  });
}

/**
 * Gradients of q, k, v (packed as they came) and of the sinks, from `out`, `lse` and their gradients.
 *
 * @param inputs those of the forward call, then out, lse, the gradient of out, and that of lse if it has one
 */
export function attentionBackwardReference(
  inputs: readonly View[],
  outputs: readonly View[],
  attrs: AttentionAttrs,
): void {
  const g = geometryOf(inputs.map((view) => view.spec), attrs);
  const [dq, dk, dv] = attrs.packed ? [outputs[0], outputs[0], outputs[0]] : outputs;
  const dSinks = attrs.sinks ? outputs[attrs.packed ? 1 : 3] : undefined;
  forEachHead(g, (b, h) => {
    const head = loadHead(inputs, g, attrs, b, h);
    const grads = headGradients(head, inputs, g, attrs, b, h);
    const kvHead = Math.floor(h / (g.heads / g.kvHeads));
    addRotatedBack(grads.q, inputs, g, attrs, dq, (n) => (b * g.tokens + n) * g.qStride + h * g.headDim);
    const kvAt = (n: number) => (b * g.tokens + n) * g.kvStride + kvHead * g.headDim;
    addRotatedBack(grads.k, inputs, g, attrs, dk, (n) => kvAt(n) + g.kOffset);
    addRotatedBack(grads.v, inputs, g, { ...attrs, block: 0 }, dv, (n) => kvAt(n) + g.vOffset);
    if (dSinks) dSinks.data[h] += grads.sink;
  });
}

function forEachHead(g: Geometry, body: (b: number, h: number) => void): void {
  for (let b = 0; b < g.batch; b++) for (let h = 0; h < g.heads; h++) body(b, h);
}

function loadHead(inputs: readonly View[], g: Geometry, attrs: AttentionAttrs, b: number, h: number): Head {
  const { tokens, headDim } = g;
  const kvHead = Math.floor(h / (g.heads / g.kvHeads));
  const load = (view: View, start: number, stride: number, rotated: boolean) => {
    const head = new Float64Array(tokens * headDim);
    for (let n = 0; n < tokens; n++) {
      const at = (b * tokens + n) * stride + start;
      const rotation = { block: attrs.block, inverse: false };
      if (rotated) rotateHead(view.data, at, inputs[g.table], n, rotation, head, n * headDim);
      else for (let d = 0; d < headDim; d++) head[n * headDim + d] = view.data[at + d];
    }
    return head;
  };
  return {
    q: load(inputs[g.q], h * headDim, g.qStride, attrs.block > 0),
    k: load(inputs[g.k], g.kOffset + kvHead * headDim, g.kvStride, attrs.block > 0),
    v: load(inputs[g.v], g.vOffset + kvHead * headDim, g.kvStride, false),
  };
}

/** Scores of query `n` for the keys from `low` to `high`. */
function scoresOf({ q, k }: Head, { headDim }: Geometry, n: number, low: number, high: number): number[] {
  const scale = 1 / Math.sqrt(headDim);
  return Array.from({ length: high - low }, (_, i) => dot(q, n, k, low + i, headDim) * scale);
}

function dot(a: Float64Array, row: number, b: Float64Array, other: number, headDim: number): number {
  let sum = 0;
  for (let d = 0; d < headDim; d++) sum += a[row * headDim + d] * b[other * headDim + d];
  return sum;
}

/** With P the probabilities: dV = P^T dO, dS = P (dO V^T - delta), dQ = dS K, dK = dS^T Q, dSink = -p delta. */
function headGradients(
  head: Head,
  inputs: readonly View[],
  g: Geometry,
  attrs: AttentionAttrs,
  b: number,
  h: number,
): Head & { readonly sink: number } {
  const { tokens, headDim } = g;
  const [out, lse, dOut, dLse] = inputs.slice(g.inputs);
  const grads = { q: new Float64Array(head.q.length), k: new Float64Array(head.k.length) };
  const dv = new Float64Array(head.v.length);
  let sink = 0;
  for (let n = 0; n < tokens; n++) {
    const rowAt = ((b * tokens + n) * g.heads + h) * headDim;
    const grad = Float64Array.from(dOut.data.subarray(rowAt, rowAt + headDim));
    const stat = (b * g.heads + h) * tokens + n;
    const delta = grad.reduce((sum, x, d) => sum + x * out.data[rowAt + d], -(dLse?.data[stat] ?? 0));
    if (attrs.sinks) sink -= Math.exp(inputs[g.sinks].data[h] - lse.data[stat]) * delta;
    const [low, high] = visibleKeys(n, tokens, attrs);
    scoresOf(head, g, n, low, high).forEach((score, i) => {
      const p = Math.exp(score - lse.data[stat]);
      const key = low + i;
      const dScore = p * (dot(grad, 0, head.v, key, headDim) - delta) / Math.sqrt(headDim);
      for (let d = 0; d < headDim; d++) {
        dv[key * headDim + d] += p * grad[d];
        grads.q[n * headDim + d] += dScore * head.k[key * headDim + d];
        grads.k[key * headDim + d] += dScore * head.q[n * headDim + d];
      }
    });
  }
  return { ...grads, v: dv, sink };
}

/** Adds a head's gradient `[N, D]` to where its operand is, turned back where the operand was turned. */
function addRotatedBack(
  head: Float64Array,
  inputs: readonly View[],
  g: Geometry,
  { block }: AttentionAttrs,
  to: View,
  at: (n: number) => number,
): void {
  const row = new Float64Array(g.headDim);
  for (let n = 0; n < g.tokens; n++) {
    const from = n * g.headDim;
    if (block > 0) rotateHead(head, from, inputs[g.table], n, { block, inverse: true }, row, 0);
    else row.set(head.subarray(from, from + g.headDim));
    row.forEach((value, d) => to.data[at(n) + d] += value);
  }
}
