/**
 * The first half of a gated feed-forward layer: two matrix products of one input and `silu(gate) * up`, in one pass.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost, type VjpContext } from "../../engine/kernel.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { add, ELEMENTWISE } from "../elementwise/mod.ts";
import { linearBackward } from "../matmul/mod.ts";
import { GROUPED_MATMUL, GROUPED_MATMUL_OUTER } from "../moe/grouped_matmul/mod.ts";
import type { DispatchPlan } from "../moe/histogram_scan/mod.ts";
import { gatedLinearCpu, groupedGatedCpu } from "./cpu.ts";
import { gatedLinearReference, groupedGatedReference } from "./reference.ts";
import { gatedLinearSizes, type GroupedGatedAttrs, groupedGatedSizes } from "./sizes.ts";
import { gatedLinearWebGpu, groupedGatedWebGpu } from "./webgpu.ts";

export type { GroupedGatedAttrs } from "./sizes.ts";

/** Operations of an output beside the products: silu 5, the product with up 1. */
const GATE_FLOPS = 6;

/** The `gated_linear` kernel: x `f32[.., K]`, two weights `f32[N, K]` -> gate, up, hidden `f32[.., N]`. */
export const GATED_LINEAR: Kernel = {
  name: "gated_linear",
  infer(inputs) {
    const { output } = gatedLinearSizes(inputs);
    return [output, output, output];
  },
  cost(inputs) {
    const { rows, n, k, output } = gatedLinearSizes(inputs);
    return streamingCost(inputs, [output, output, output], rows * n * (4 * k + GATE_FLOPS));
  },
  reference: gatedLinearReference,
  webgpu: (inputs, _attrs, limits) => gatedLinearWebGpu(gatedLinearSizes(inputs), limits),
  cpu: gatedLinearCpu,
  vjp: gatedLinearVjp,
};

/**
 * The `grouped_gated_linear` kernel: x `f32[R, K]`, two weights `f32[E, N, K]`, counts `i32[E]`, offsets `i32[E + 1]`, tileExpert
 * `i32[R / tile]` -> gate, up, hidden `f32[R, N]`. Padding rows of x must be zero.
 */
export const GROUPED_GATED_LINEAR: Kernel<GroupedGatedAttrs> = {
  name: "grouped_gated_linear",
  infer(inputs, attrs) {
    const { output } = groupedGatedSizes(inputs, attrs);
    return [output, output, output];
  },
  cost(inputs, attrs) {
    const { rows, n, k, output } = groupedGatedSizes(inputs, attrs);
    return streamingCost(inputs, [output, output, output], rows * n * (4 * k + GATE_FLOPS));
  },
  reference: groupedGatedReference,
  webgpu: (inputs, attrs, limits) =>
    groupedGatedWebGpu(groupedGatedSizes(inputs, attrs), attrs.tile, inputs[1].dtype, limits),
  cpu: groupedGatedCpu,
  vjp: groupedGatedVjp,
};

/** Gradients of gate and up, through `hidden` and by themselves; null where nothing comes back. */
function halves(outputs: readonly Tensor[], grads: readonly (Tensor | null)[]): (Tensor | null)[] {
  const [gate, up, hidden] = outputs;
  const grad = grads[2];
  if (!grad) return grads.slice(0, 2);
  const both = { inputs: [gate, up], outputs: [hidden], grads: [grad], attrs: {}, needs: [true, true] };
  const through = ELEMENTWISE.swiglu.vjp!({ ...both, before: () => null });
  return through.map((part, i) => {
    const own = grads[i];
    return own && part ? add(own, part) : part;
  });
}

function gatedLinearVjp({ inputs, outputs, grads, needs, before }: VjpContext<Record<never, never>>) {
  const [x, ...weights] = inputs;
  const wanted = { input: needs[0], bias: false };
  let dx = needs[0] ? before(0) : null;
  const dWeights: (Tensor | null)[] = [null, null];
  const parts = halves(outputs, grads);
  for (const i of [1, 0]) {
    const grad = parts[i];
    if (!grad) continue;
    const { input, weight } = linearBackward(grad, x, weights[i], wanted, dx);
    [dx, dWeights[i]] = [input, weight];
  }
  return [dx, ...dWeights];
}

function groupedGatedVjp({ inputs, outputs, grads, attrs, needs, before }: VjpContext<GroupedGatedAttrs>) {
  const [x, gate, up, ...plan] = inputs;
  const [counts, offsets] = plan;
  let dx = needs[0] ? before(0) : null;
  const dWeights: (Tensor | null)[] = [null, null];
  const parts = halves(outputs, grads);
  for (const [i, weight] of [[1, up], [0, gate]] as const) {
    const grad = parts[i];
    if (!grad) continue;
    const given = [grad, weight, ...plan, ...(dx ? [dx] : [])];
    if (needs[0]) [dx] = apply(GROUPED_MATMUL, given, { ...attrs, transposeWeight: false });
    if (needs[1 + i]) [dWeights[i]] = apply(GROUPED_MATMUL_OUTER, [grad, x, counts, offsets], {});
  }
  return [dx, ...dWeights, ...plan.map(() => null)];
}

/**
 * `silu(x gate^T) * (x up^T)` (Shazeer, 2020), in one pass over `x`.
 *
 * @param x `f32[.., K]`
 * @param gate `f32[N, K]`
 * @param up `f32[N, K]`
 * @returns `f32[.., N]`
 * @throws {ShapeError} when the sizes differ
 */
export function gatedLinear(x: Tensor, gate: Tensor, up: Tensor): Tensor {
  return apply(GATED_LINEAR, [x, gate, up], {})[2];
}

/**
 * The same for each expert: row r of the result is `silu(gate[e] x[r]) * (up[e] x[r])`, with e the expert that the plan
 * gives row r to.
 *
 * @param x `f32[R, K]` as `gather` makes it: padding rows are zero
 * @param gate `f32[E, N, K]`
 * @param up `f32[E, N, K]`
 * @param plan from `dispatch`
 * @returns `f32[R, N]`; padding rows are zero
 * @throws {ShapeError} when the sizes do not fit
 */
export function groupedGatedLinear(x: Tensor, gate: Tensor, up: Tensor, plan: DispatchPlan): Tensor {
  const { counts, offsets, tileExpert, tile } = plan;
  return apply(GROUPED_GATED_LINEAR, [x, gate, up, counts, offsets, tileExpert], { tile })[2];
}
