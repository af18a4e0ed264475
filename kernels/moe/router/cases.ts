import { Philox } from "../../../engine/core/random.ts";
import { f32, i32 } from "../../../engine/core/spec.ts";
import type { AnySuite, KernelCase } from "../../../engine/kernel.ts";
import { ROUTE, ROUTE_BACKWARD, type RouteAttrs, type RouteBackwardAttrs } from "./mod.ts";

function routeCase(T: number, E: number, attrs: Partial<RouteAttrs>): KernelCase<RouteAttrs> {
  const all: RouteAttrs = { groups: 1, topkGroups: 1, topk: 1, scaling: 1, normalize: true, ...attrs };
  return {
    name: `${T} tokens, top ${all.topk} of ${E}, ${all.topkGroups} of ${all.groups} groups`,
    inputs: [f32(T, E), f32(E)],
    attrs: all,
    values: () => [
      new Philox(3, 1).normals(T * E),
      new Philox(3, 2).normals(E).map((b) => 0.2 * b),
    ],
    differentiate: [0],
  };
}

/** Logits that repeat within a token: every choice is a tie. */
function tied(attrs: Partial<RouteAttrs>): KernelCase<RouteAttrs> {
  return {
    ...routeCase(5, 16, attrs),
    name: `ties, ${attrs.topkGroups} of ${attrs.groups} groups`,
    values: () => [Float32Array.from({ length: 80 }, (_, i) => (i % 16) % 3 - 1), new Float32Array(16)],
    forwardOnly: true,
  };
}

/** Extreme logits: scores that are 0 or 1 in f32, and chosen ones among them. */
const saturated: KernelCase<RouteAttrs> = {
  ...routeCase(4, 4, { topk: 3, scaling: 2.5 }),
  name: "saturated scores",
  values: () => [
    new Float32Array([90, -90, 0, 1, -200, 200, 3, 4, 30, 31, 32, -30, -9, -8, -7, -6]),
    new Float32Array(4),
  ],
};

function backwardCase(
  T: number,
  E: number,
  K: number,
  attrs: RouteBackwardAttrs,
): KernelCase<RouteBackwardAttrs> {
  return {
    name: `${T} tokens, ${K} of ${E}`,
    inputs: [f32(T, E), i32(T, K), f32(T, K)],
    attrs,
    values: () => [
      new Philox(4, 1).normals(T * E),
      Int32Array.from({ length: T * K }, (_, i) => (Math.floor(i / K) * 5 + 3 * (i % K)) % E),
      new Philox(4, 2).normals(T * K),
    ],
  };
}

/** Sizes of both kernels: one, primes, the presets' experts, dropped groups, ties, more than one workgroup. */
export const suites: readonly AnySuite[] = [
  {
    kernel: ROUTE,
    cases: [
      routeCase(1, 1, {}),
      routeCase(7, 5, { topk: 5, scaling: 2.5 }),
      routeCase(131, 16, { topk: 2, scaling: 2 }),
      routeCase(67, 16, { groups: 4, topkGroups: 2, topk: 4, scaling: 2.5 }),
      routeCase(29, 8, { groups: 2, topkGroups: 1, topk: 6, scaling: 1.5 }),
      routeCase(70, 48, { topk: 5, scaling: 2.5, normalize: false }),
      routeCase(13, 256, { groups: 8, topkGroups: 4, topk: 8, scaling: 2.5 }),
      routeCase(33, 8, { topk: 1, scaling: 2.5 }),
      tied({ groups: 1, topkGroups: 1, topk: 6 }),
      tied({ groups: 4, topkGroups: 2, topk: 3 }),
      saturated,
    ],
  },
  {
    kernel: ROUTE_BACKWARD,
    cases: [
      backwardCase(1, 1, 1, { scaling: 2.5, normalize: false }),
      backwardCase(131, 16, 2, { scaling: 2, normalize: true }),
      backwardCase(67, 7, 7, { scaling: 2.5, normalize: true }),
      backwardCase(11, 256, 8, { scaling: 1, normalize: false }),
    ],
  },
];
