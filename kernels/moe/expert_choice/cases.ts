import { Philox } from "../../../engine/core/random.ts";
import { f32, i32, u32 } from "../../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../../engine/kernel.ts";
import type { ReduceAttrs } from "../../reduce/kernel.ts";
import {
  choiceCrossEntropyKernel,
  COUNT_ABOVE,
  EXPERT_CHOICE,
  type ExpertChoiceAttrs,
  KTH_LARGEST,
  scheduledLimitKernel,
} from "./mod.ts";

type Limit = number | readonly number[];

function limitsOf(experts: number, limit: Limit): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: experts }, (_, e) => typeof limit === "number" ? limit : limit[e]);
}

function choice(
  tokens: number,
  experts: number,
  limit: Limit,
  attrs: ExpertChoiceAttrs,
  more: Partial<KernelCase<ExpertChoiceAttrs>> = {},
): KernelCase<ExpertChoiceAttrs> {
  return {
    name: `${tokens} tokens in ${attrs.groups} groups, ${limit} of each for ${experts} experts`,
    inputs: [f32(tokens, experts), f32(experts)],
    attrs,
    values: () => [new Philox(21, 1).normals(tokens * experts), limitsOf(experts, limit)],
    differentiate: [],
    forwardOnly: true,
    ...more,
  };
}

/** Three different scores: most choices are ties. */
const ties = choice(700, 3, [100, 350, 699], { groups: 1, most: 700, tile: 8 }, {
  name: "ties go to the earlier token",
  values: () => [
    Float32Array.from({ length: 2100 }, (_, i) => (i * i) % 3 - 1),
    Float32Array.of(100, 350, 699),
  ],
});

/** Infinities, zeros of both signs, the smallest and the largest numbers. */
const extremes = choice(11, 1, 6, { groups: 1, most: 11, tile: 4 }, {
  name: "extreme scores",
  values: () => [
    Float32Array.of(0, -0, Infinity, -Infinity, 1e-45, -1e-45, 3e38, -3e38, 1, -1, 0.5),
    Float32Array.of(6),
  ],
});

function kth(tokens: number, experts: number, k: Limit): KernelCase {
  return {
    name: `${k} of ${tokens} in ${experts} columns`,
    inputs: [f32(tokens, experts), f32(experts)],
    attrs: {},
    values: () => [new Philox(22, 1).normals(tokens * experts), limitsOf(experts, k)],
    forwardOnly: true,
  };
}

function above(tokens: number, experts: number): KernelCase<ReduceAttrs> {
  return {
    name: `${tokens} scores of ${experts} experts`,
    inputs: [f32(tokens, experts), f32(1, experts)],
    attrs: { over: [tokens, experts], shape: [1, experts], scale: 1 },
    forwardOnly: true,
  };
}

const UNCHOSEN = 50;
const SCHEDULE = { most: 64, least: 5, begin: 10, end: 30 };

function entropy(tokens: number, experts: number, spread: number): KernelCase<ReduceAttrs> {
  return {
    name: `${tokens} tokens, ${experts} experts, logits of size ${spread}`,
    inputs: [f32(tokens, experts), i32(tokens, experts)],
    attrs: { over: [tokens, experts], shape: [1, 1], scale: 1 / (tokens * experts) },
    values: () => [
      new Philox(23, 1).normals(tokens * experts).map((x) => spread * x),
      Int32Array.from(new Philox(23, 2).integers(tokens * experts, UNCHOSEN + 1)),
    ],
    differentiate: [0],
  };
}

/** Sizes: one, primes, limits of 0 and of all, ties, several tokens a lane, 256 experts, many groups. */
export const suites: readonly AnySuite[] = [
  {
    kernel: EXPERT_CHOICE,
    cases: [
      choice(16, 4, 4, { groups: 1, most: 4, tile: 8 }),
      choice(1, 1, 1, { groups: 1, most: 1, tile: 1 }),
      choice(1, 2, 0, { groups: 1, most: 1, tile: 4 }),
      choice(26, 5, 3, { groups: 2, most: 3, tile: 7 }),
      choice(1021, 4, [0, 1, 500, 1021], { groups: 1, most: 1021, tile: 32 }),
      choice(96, 3, [40, 7, 0], { groups: 2, most: 40, tile: 16 }),
      choice(60, 7, [-3, 2.9, 99, 0.5, 4, 5, 6], { groups: 3, most: 6, tile: 4 }),
      choice(300, 256, 2, { groups: 1, most: 2, tile: 64 }),
      choice(134, 16, 1, { groups: 67, most: 1, tile: 64 }),
      ties,
      extremes,
    ],
  },
  {
    kernel: KTH_LARGEST,
    cases: [kth(16, 4, 4), kth(1, 1, 1), kth(61, 3, [0, 61, 99]), kth(1021, 5, [1, 2, 511, 1020, 1021])],
  },
  {
    kernel: scheduledLimitKernel(SCHEDULE),
    cases: [0, 10, 11, 25, 30, 31].map((step) => ({
      name: `step ${step}`,
      inputs: [u32(1)],
      attrs: { shape: [5] },
      values: () => [Uint32Array.of(step)],
      forwardOnly: true,
    })),
  },
  { kernel: COUNT_ABOVE, cases: [above(16, 4), above(1, 1), above(1021, 7)] },
  {
    kernel: choiceCrossEntropyKernel(UNCHOSEN),
    cases: [entropy(16, 4, 1), entropy(1, 1, 1), entropy(61, 5, 1), entropy(700, 7, 20)],
  },
];
