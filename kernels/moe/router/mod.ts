/**
 * Sigmoid router with group-limited top-k and a correction bias that steers the selection only.
 *
 * @module
 */
import { ShapeError } from "../../../engine/core/errors.ts";
import { expectDTypes, f32, formatSpec, i32, type Spec } from "../../../engine/core/spec.ts";
import { apply } from "../../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { MOST_EXPERTS, normalizes, type RouteAttrs } from "./attrs.ts";
import { routeBackwardCpu, routeCpu } from "./cpu.ts";
import { routeBackwardReference, routeReference } from "./reference.ts";
import { routeBackwardWebGpu, routeWebGpu } from "./webgpu.ts";

export type { RouteAttrs } from "./attrs.ts";

/** The choice of a router. */
export interface Routing {
  /** Chosen experts of each token, ascending: `i32[T, K]`. */
  readonly indices: Tensor;
  /** Weights of the chosen experts, in the order of `indices`: `f32[T, K]`. */
  readonly weights: Tensor;
}

/** The `route` kernel: logits, bias -> indices, weights. */
export const ROUTE: Kernel<RouteAttrs> = {
  name: "route",
  infer(inputs, attrs) {
    expectDTypes("route", inputs, ["f32", "f32"]);
    const [logits, bias] = inputs;
    checkRoute(logits, bias, attrs);
    return [i32(logits.shape[0], attrs.topk), f32(logits.shape[0], attrs.topk)];
  },
  cost(inputs, attrs) {
    const [T, E] = inputs[0].shape;
    const flops = T * (5 * E + (normalizes(attrs) ? 3 : 1) * attrs.topk);
    return streamingCost(inputs, [i32(T, attrs.topk), f32(T, attrs.topk)], flops);
  },
  reference: ([logits, bias], [indices, weights], attrs) =>
    routeReference(logits, bias, indices, weights, attrs),
  webgpu: ([logits], attrs, limits) => routeWebGpu(logits, attrs, limits),
  cpu: ([logits], attrs) => routeCpu(logits, attrs),
  vjp({ inputs: [logits], outputs: [indices], grads: [, grad], needs, attrs }) {
    if (!needs[0] || !grad) return [null, null];
    const { scaling } = attrs;
    return [
      apply(ROUTE_BACKWARD, [logits, indices, grad], { scaling, normalize: normalizes(attrs) })[0],
      null,
    ];
  },
};

/** Attributes of `route_backward`. */
export interface RouteBackwardAttrs {
  /** Factor on the weights. */
  readonly scaling: number;
  /** Whether the weights of a token were divided by their sum. */
  readonly normalize: boolean;
}

/** Gradient of `route` for the logits: logits `f32[T, E]`, indices `i32[T, K]`, grad `f32[T, K]` -> `f32[T, E]`. */
export const ROUTE_BACKWARD: Kernel<RouteBackwardAttrs> = {
  name: "route_backward",
  infer(inputs) {
    expectDTypes("route_backward", inputs, ["f32", "i32", "f32"]);
    const [logits, indices, grad] = inputs;
    const fits = inputs.every(({ shape }) => shape.length === 2 && shape[0] === logits.shape[0]);
    if (!fits || indices.shape[1] !== grad.shape[1]) {
      throw new ShapeError(
        `Cannot route_backward ${
          inputs.map(formatSpec).join(", ")
        }: f32[T, E], i32[T, K], f32[T, K] are wanted`,
      );
    }
    return [logits];
  },
  cost(inputs, { normalize }) {
    const [logits, indices, grad] = inputs;
    const [T, K] = indices.shape;
    const read = { dtype: "f32", shape: [T, K] } as const;
    return streamingCost([read, indices, grad], [logits], T * K * (normalize ? 12 : 8));
  },
  reference: ([logits, indices, grad], [out], attrs) =>
    routeBackwardReference(logits, indices, grad, out, attrs),
  webgpu: ([logits, indices], attrs, limits) => routeBackwardWebGpu(logits, indices, attrs, limits),
  cpu: ([logits, indices], attrs) => routeBackwardCpu(logits, indices, attrs),
};

function checkRoute(logits: Spec, bias: Spec, attrs: RouteAttrs): void {
  const { groups, topkGroups, topk, scaling } = attrs;
  const refuse = (reason: string): never => {
    throw new ShapeError(`Cannot route ${formatSpec(logits)} with bias ${formatSpec(bias)}: ${reason}`);
  };
  if (logits.shape.length !== 2) refuse("logits must be f32[tokens, experts]");
  const experts = logits.shape[1];
  const between = (name: string, value: number, most: number, limit: string) => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return;
    refuse(`${name} must be a whole number from 1 to ${most}${limit}, got ${value}`);
  };
  between("experts", experts, MOST_EXPERTS, "");
  if (bias.shape.length !== 1 || bias.shape[0] !== experts) refuse(`the bias must be f32[${experts}]`);
  between("groups", groups, experts, " (the experts)");
  if (experts % groups !== 0) {
    refuse(`groups must divide the experts, got ${experts} experts in ${groups} groups`);
  }
  if (groups > 1 && experts / groups < 2) {
    refuse(`a group needs at least two experts, got ${experts} experts in ${groups} groups`);
  }
  between("topkGroups", topkGroups, groups, " (the groups)");
  between("topk", topk, experts, " (the experts)");
  if (!Number.isFinite(scaling)) refuse(`scaling must be a finite number, got ${scaling}`);
}

/**
 * Chooses `topk` experts for every token. Scores are `s = sigmoid(logits)`; groups and experts are chosen by
 * `s + bias`, ties going to the lower index; weights are the chosen `s`, divided by their sum (+ 1e-20) where
 * `normalize` is set and `topk` is more than 1, times `scaling`.
 *
 * Of `groups` groups of neighbouring experts the `topkGroups` with the largest sum of their two best biased scores
 * stay. Experts of the others take part with the score 0, as in the reference, so they can still be chosen.
 * Gradients reach the logits through the weights, not through the choice.
 *
 * Source: DeepSeek-V3 (arXiv 2412.19437), section 2.1.2, as used by DSMoE (arXiv 2512.01252).
 *
 * @param logits `f32[T, E]`, E at most 256
 * @param bias `f32[E]`
 * @throws {ShapeError} when shapes or attributes do not fit each other
 */
export function route(logits: Tensor, bias: Tensor, attrs: RouteAttrs): Routing {
  const { groups, topkGroups, topk, scaling, normalize } = attrs;
  const [indices, weights] = apply(ROUTE, [logits, bias], { groups, topkGroups, topk, scaling, normalize });
  return { indices, weights };
}
