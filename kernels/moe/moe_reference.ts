import type { RouteAttrs } from "./router/attrs.ts";

/** One routed layer on the host: T tokens of D channels, E experts. */
export interface MoeLayer {
  /** Tokens: `[T, D]`. */
  readonly x: ArrayLike<number>;
  /** Router logits: `[T, E]`. */
  readonly logits: ArrayLike<number>;
  /** Correction bias: `[E]`. */
  readonly bias: ArrayLike<number>;
  /** D. */
  readonly width: number;
  /** How experts are chosen and weighted. */
  readonly attrs: RouteAttrs;
  /** What expert `e` makes of one token `[D]`. */
  readonly expert: (e: number, token: Float64Array) => ArrayLike<number>;
}

/** What a routed layer computes. */
export interface MoeResult {
  /** `[T, D]`. */
  readonly out: Float64Array<ArrayBuffer>;
  /** Chosen experts, ascending: `[T, K]`. */
  readonly indices: Int32Array<ArrayBuffer>;
  /** Their weights: `[T, K]`. */
  readonly weights: Float64Array<ArrayBuffer>;
  /** Tokens of each expert: `[E]`. */
  readonly counts: Int32Array<ArrayBuffer>;
}

/**
 * A routed layer as the paper writes it: token by token, expert by expert, no sorting, no padding. The tests hold
 * the fast path against it. It shares no code with the kernels.
 *
 * Source: DSMoE (arXiv 2512.01252); DeepSeek-V3 (arXiv 2412.19437), section 2.1.2.
 */
export function moeReference({ x, logits, bias, width, attrs, expert }: MoeLayer): MoeResult {
  const E = bias.length, K = attrs.topk, T = x.length / width;
  const result = {
    out: new Float64Array(T * width),
    indices: new Int32Array(T * K),
    weights: new Float64Array(T * K),
    counts: new Int32Array(E),
  };
  for (let t = 0; t < T; t++) {
    const token = Float64Array.from({ length: width }, (_, d) => x[t * width + d]);
    const scores = Float64Array.from({ length: E }, (_, e) => 1 / (1 + Math.exp(-logits[t * E + e])));
    const chosen = chooseExperts(scores, bias, attrs);
    const sum = chosen.reduce((total, e) => total + scores[e], 1e-20);
    chosen.forEach((e, k) => {
      const weight = attrs.scaling * (attrs.normalize && K > 1 ? scores[e] / sum : scores[e]);
      const y = expert(e, token);
      for (let d = 0; d < width; d++) result.out[t * width + d] += weight * y[d];
      result.indices[t * K + k] = e;
      result.weights[t * K + k] = weight;
      result.counts[e] += 1;
    });
  }
  return result;
}

/** The experts of one token, ascending: those that fewer than K others beat. Scores are compared in f32. */
function chooseExperts(scores: Float64Array, bias: ArrayLike<number>, attrs: RouteAttrs): number[] {
  const { groups, topkGroups, topk } = attrs;
  const size = scores.length / groups;
  const biased = Float32Array.from(scores, (s, e) => Math.fround(s) + Math.fround(bias[e]));
  if (topkGroups < groups) {
    const groupScores = Array.from({ length: groups }, (_, g) => {
      const members = [...biased.slice(g * size, (g + 1) * size)];
      const top = Math.max(...members);
      members.splice(members.indexOf(top), 1);
      return Math.fround(top + Math.max(...members));
    });
    biased.forEach((_, e) => {
      if (!isAmongBest(groupScores, Math.floor(e / size), topkGroups)) biased[e] = 0;
    });
  }
  return [...biased.keys()].filter((e) => isAmongBest(biased, e, topk));
}

/** Whether fewer than `count` values beat value `i`; an equal value beats it from a lower index. */
function isAmongBest(values: ArrayLike<number>, i: number, count: number): boolean {
  let better = 0;
  for (let j = 0; j < values.length; j++) {
    if (values[j] > values[i] || (values[j] === values[i] && j < i)) better++;
  }
  return better < count;
}
