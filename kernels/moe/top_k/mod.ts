/**
 * The largest numbers of each row, and where they are: the choice of a softmax router.
 *
 * @module
 */
import { ShapeError } from "../../../engine/core/errors.ts";
import { expectDTypes, f32, formatSpec, i32, type Spec } from "../../../engine/core/spec.ts";
import { wgslHeader } from "../../../engine/device/webgpu/wgsl.ts";
import { apply } from "../../../engine/device/device.ts";
import { gridOf, type Kernel, type Limits, streamingCost, type WebGpuPlan } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { topKBackwardCpu, topKCpu } from "./cpu.ts";
import { topKBackwardReference, topKReference } from "./reference.ts";
import backwardSource from "./top_k_backward.wgsl" with { type: "text" };
import source from "./top_k.wgsl" with { type: "text" };

/** Attributes of `top_k`. */
export interface TopKAttrs {
  /** K, numbers kept of each row. */
  readonly k: number;
}

/** Attributes of `top_k_backward`. */
export interface TopKBackwardAttrs {
  /** E, numbers of a row. */
  readonly width: number;
}

/** The kept numbers. */
export interface TopK {
  /** Where they are, ascending: `i32[T, K]`. */
  readonly indices: Tensor;
  /** The numbers, in the order of `indices`: `f32[T, K]`. */
  readonly values: Tensor;
}

/** The widest row: one lane keeps a mark for each number. */
const MOST_COLUMNS = 256;
const WORKGROUP = 64;

/** The `top_k` kernel: x `f32[T, E]` -> indices `i32[T, K]`, values `f32[T, K]`. */
export const TOP_K: Kernel<TopKAttrs> = {
  name: "top_k",
  infer(inputs, attrs) {
    expectDTypes("top_k", inputs, ["f32"]);
    checkTopK(inputs[0], attrs);
    return [i32(inputs[0].shape[0], attrs.k), f32(inputs[0].shape[0], attrs.k)];
  },
  cost: ([x], { k }) => streamingCost([x], [i32(x.shape[0], k), f32(x.shape[0], k)], 0),
  reference: ([x], [indices, values], { k }) => topKReference(x, indices, values, k),
  webgpu: ([x], { k: TOPK }, limits) =>
    onePerRow(source, x, { EXPERTS: x.shape[1], TOPK }, [0, 1, 2], limits),
  cpu: ([x], { k }) => topKCpu(x, k),
  vjp({ inputs: [x], outputs: [indices], grads: [, grad] }) {
    return [grad && apply(TOP_K_BACKWARD, [indices, grad], { width: x.shape[1] })[0]];
  },
};

/** Gradient of `top_k`: indices `i32[T, K]`, grad `f32[T, K]` -> `f32[T, E]`, zero where nothing was kept. */
export const TOP_K_BACKWARD: Kernel<TopKBackwardAttrs> = {
  name: "top_k_backward",
  infer(inputs, { width }) {
    expectDTypes("top_k_backward", inputs, ["i32", "f32"]);
    const [indices, grad] = inputs;
    const fits = indices.shape.length === 2 && formatSpec(grad) === formatSpec(f32(...indices.shape));
    if (fits && width >= indices.shape[1]) return [f32(indices.shape[0], width)];
    throw new ShapeError(
      `Cannot top_k_backward ${
        inputs.map(formatSpec).join(", ")
      } to ${width}: i32[T, K] and f32[T, K] are wanted`,
    );
  },
  cost: (inputs, { width }) => streamingCost(inputs, [f32(inputs[0].shape[0], width)], 0),
  reference: ([indices, grad], [out]) => topKBackwardReference(indices, grad, out),
  webgpu: ([indices], { width: EXPERTS }, limits) =>
    onePerRow(backwardSource, indices, { EXPERTS, TOPK: indices.shape[1] }, [0, 1, 2], limits),
  cpu: ([indices], { width }) => topKBackwardCpu(indices, width),
};

function onePerRow(
  text: string,
  rows: Spec,
  sizes: Record<string, number>,
  bindings: readonly number[],
  limits: Limits,
): WebGpuPlan {
  const [TOKENS] = rows.shape;
  return {
    launches: [{
      source: wgslHeader(sizes) + text,
      overrides: { TOKENS },
      bindings,
      groups: gridOf(Math.ceil(TOKENS / WORKGROUP), limits),
    }],
  };
}

function checkTopK(x: Spec, { k }: TopKAttrs): void {
  const at = `Cannot top_k ${formatSpec(x)}`;
  if (x.shape.length !== 2) throw new ShapeError(`${at}: f32[T, E] is wanted`);
  const [, width] = x.shape;
  if (width > MOST_COLUMNS) throw new ShapeError(`${at}: at most ${MOST_COLUMNS} columns are wanted`);
  if (Number.isInteger(k) && k >= 1 && k <= width) return;
  throw new ShapeError(`${at}: k must be a whole number from 1 to ${width}, got ${k}`);
}

/**
 * The `k` largest numbers of each row; ties go to the lower index. Gradients reach the kept numbers.
 *
 * Source: Shazeer et al., "Outrageously Large Neural Networks" (arXiv 1701.06538), section 2.1.
 *
 * @param x `f32[T, E]`, E at most 256
 * @throws {ShapeError} when `x` is not of rank 2, or `k` is out of range
 */
export function topK(x: Tensor, k: number): TopK {
  const [indices, values] = apply(TOP_K, [x], { k });
  return { indices, values };
}
