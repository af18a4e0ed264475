import { f32 as f32Spec, type Spec } from "../../../engine/core/spec.ts";
import {
  type Expr,
  f32,
  f32x4,
  i32,
  type KernelBuilder,
  kernelModule,
  type Local,
  v128,
} from "../../../engine/device/cpu/wasm/mod.ts";
import type { CpuPlan } from "../../../engine/kernel.ts";
import { normalizes, type RouteAttrs, SUM_EPSILON } from "./attrs.ts";
import { sigmoidRounded } from "./sigmoid_f64.ts";

/** Tokens worth handing to another worker. */
const GRAIN_TOKENS = 128;

type Address = Local<"i32">;

function padded(count: number): number {
  return 4 * Math.ceil(count / 4);
}

/** One item a token. A lane's scratch holds its token's scores, biased scores, group scores and marks. */
export function routeCpu(logits: Spec, attrs: RouteAttrs): CpuPlan {
  const [T, E] = logits.shape;
  const { groups, topkGroups, topk, scaling } = attrs;
  const words = 3 * padded(E) + 2 * padded(groups);
  return {
    scratch: [{ spec: f32Spec(words), perLane: true }],
    calls: [{
      key: `route ${E} ${groups} ${topkGroups} ${topk} ${scaling} ${normalizes(attrs)}`,
      build: () => kernelModule((f) => routeTokens(f, E, words, attrs)),
      bindings: [0, 1, 2, 3, 4],
      range: T,
      grain: GRAIN_TOKENS,
    }],
  };
}

function routeTokens(f: KernelBuilder, E: number, words: number, attrs: RouteAttrs): void {
  const { groups, topkGroups, topk } = attrs;
  const [logits, bias, indices, weights, scratch] = f.pointers(5);
  const scores = f.localI32("scores", i32.add(scratch, i32.mul(f.lane, 4 * words)));
  const biased = f.localI32("biased", i32.add(scores, 4 * padded(E)));
  const marks = f.localI32("marks", i32.add(biased, 4 * padded(E)));
  const groupScores = f.localI32("groupScores", i32.add(marks, 4 * padded(E)));
  const groupMarks = f.localI32("groupMarks", i32.add(groupScores, 4 * padded(groups)));
  f.forRange(f.begin, f.end, 1, (t) => {
    const token = f.localI32("token", i32.add(logits, i32.mul(t, 4 * E)));
    f.forRange(0, 4 * padded(E), 16, (at) => {
      const score = sigmoidRounded(f, v128.load(i32.add(token, at)));
      f.storeV128(i32.add(scores, at), score);
      f.storeV128(i32.add(biased, at), f32x4.add(score, v128.load(i32.add(bias, at))));
    });
    if (topkGroups < groups) {
      scoreGroups(f, biased, groupScores, groups, E / groups);
      markBest(f, groupScores, groupMarks, groups, topkGroups);
      dropGroups(f, biased, groupMarks, groups, E / groups);
    }
    markBest(f, biased, marks, E, topk);
    writeChoice(f, { t, scores, marks, indices, weights }, E, attrs);
  });
}

/** The sum of the two best scores of each group. */
function scoreGroups(f: KernelBuilder, biased: Address, out: Address, groups: number, size: number): void {
  const first = f.localF32("best"), second = f.localF32("runnerUp");
  f.forCount(groups, (g) => {
    const from = f.localI32("group", i32.add(biased, i32.mul(g, 4 * size)));
    first.set(-Infinity);
    second.set(-Infinity);
    f.forAddress(from, i32.add(from, 4 * size), 4, (at) => {
      const score = f.localF32("score", f32.load(at));
      f.if(f32.gt(score, first), () => {
        second.set(first);
        first.set(score);
      }, () => f.if(f32.gt(score, second), () => second.set(score)));
    });
    f.storeF32(i32.add(out, i32.shl(g, 2)), f32.add(first, second));
  });
}

/**
 * Sets the marks of the `count` largest values to 1 and the others to 0; ties go to the lower index. Exactly
 * `count` marks are set, NaN or not, since what is written after them relies on it.
 */
function markBest(f: KernelBuilder, values: Address, marks: Address, length: number, count: number): void {
  f.fill(marks, 0, 4 * length);
  f.forCount(count, () => {
    const best = f.localI32("bestAt"), most = f.localF32("most");
    best.set(-1);
    f.forRange(0, 4 * length, 4, (at) => {
      const value = f.localF32("value", f32.load(i32.add(values, at)));
      const better = i32.or(i32.lt_s(best, 0), f32.gt(value, most));
      f.if(i32.and(i32.eqz(i32.load(i32.add(marks, at))), better), () => {
        best.set(at);
        most.set(value);
      });
    });
    f.storeI32(i32.add(marks, best), 1);
  });
}

/** The score of experts whose group has no mark becomes 0. */
function dropGroups(f: KernelBuilder, biased: Address, marks: Address, groups: number, size: number): void {
  f.forCount(groups, (g) => {
    f.if(i32.eqz(i32.load(i32.add(marks, i32.shl(g, 2)))), () => {
      f.fill(i32.add(biased, i32.mul(g, 4 * size)), 0, 4 * size);
    });
  });
}

interface Choice {
  readonly t: Address;
  readonly scores: Address;
  readonly marks: Address;
  readonly indices: Address;
  readonly weights: Address;
}

/** Marked experts in ascending order with their weights. */
function writeChoice(f: KernelBuilder, choice: Choice, E: number, attrs: RouteAttrs): void {
  const { t, scores, marks, indices, weights } = choice;
  const { topk, scaling } = attrs;
  const row = f.localI32("row", i32.mul(t, 4 * topk));
  const to = f.localI32("to", 0);
  const sum = f.localF32("sum", SUM_EPSILON);
  f.forCount(E, (e) => {
    const at = i32.shl(e, 2);
    f.if(i32.load(i32.add(marks, at)), () => {
      const score = f.localF32("chosen", f32.load(i32.add(scores, at)));
      sum.set(f32.add(sum, score));
      f.storeI32(i32.add(i32.add(indices, row), to), e);
      f.storeF32(i32.add(i32.add(weights, row), to), f32.mul(score, scaling));
      to.set(i32.add(to, 4));
    });
  });
  if (!normalizes(attrs)) return;
  f.forRange(0, 4 * topk, 4, (at) => {
    const weight = f.localI32("weight", i32.add(i32.add(weights, row), at));
    f.storeF32(weight, f32.div(f32.load(weight), sum));
  });
}

/** One item a token. A lane's scratch holds the scores of its token's K experts. */
export function routeBackwardCpu(
  logits: Spec,
  indices: Spec,
  { scaling, normalize }: { scaling: number; normalize: boolean },
): CpuPlan {
  const [T, E] = logits.shape;
  const K = indices.shape[1];
  return {
    scratch: [{ spec: f32Spec(padded(K)), perLane: true }],
    calls: [{
      key: `route_backward ${E} ${K} ${scaling} ${normalize}`,
      build: () => kernelModule((f) => routeBackwardTokens(f, E, K, scaling, normalize)),
      bindings: [0, 1, 2, 3, 4],
      range: T,
      grain: GRAIN_TOKENS,
    }],
  };
}

function routeBackwardTokens(
  f: KernelBuilder,
  E: number,
  K: number,
  scaling: number,
  normalize: boolean,
): void {
  const [logits, indices, grad, out, scratch] = f.pointers(5);
  const scores = f.localI32("scores", i32.add(scratch, i32.mul(f.lane, 4 * padded(K))));
  f.forRange(f.begin, f.end, 1, (t) => {
    const row = f.localI32("row", i32.mul(t, 4 * E));
    const pairs = f.localI32("pairs", i32.mul(t, 4 * K));
    const expert = (k: Expr<"i32">) => i32.shl(i32.load(i32.add(i32.add(indices, pairs), k)), 2);
    f.forRange(0, 4 * K, 4, (k) => {
      f.storeF32(i32.add(scores, k), f32.load(i32.add(i32.add(logits, row), expert(k))));
    });
    f.forRange(0, 4 * padded(K), 16, (k) => {
      f.storeV128(i32.add(scores, k), sigmoidRounded(f, v128.load(i32.add(scores, k))));
    });
    const sum = f.localF32("sum", SUM_EPSILON), mean = f.localF32("mean", 0);
    if (normalize) {
      f.forRange(0, 4 * K, 4, (k) => {
        const score = f.localF32("score", f32.load(i32.add(scores, k)));
        sum.set(f32.add(sum, score));
        mean.set(f32.add(mean, f32.mul(score, f32.load(i32.add(i32.add(grad, pairs), k)))));
      });
      mean.set(f32.div(mean, sum));
    }
    const factor = f.localF32("factor", normalize ? f32.div(scaling, sum) : f32.const(scaling));
    f.fill(i32.add(out, row), 0, 4 * E);
    f.forRange(0, 4 * K, 4, (k) => {
      const score = f.localF32("s", f32.load(i32.add(scores, k)));
      const slope = f32.mul(score, f32.sub(1, score));
      const above = f32.sub(f32.load(i32.add(i32.add(grad, pairs), k)), mean);
      f.storeF32(i32.add(i32.add(out, row), expert(k)), f32.mul(f32.mul(factor, above), slope));
    });
  });
}
