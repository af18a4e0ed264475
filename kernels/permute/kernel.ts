import { DTypeError, ShapeError } from "../../engine/core/errors.ts";
import { formatSpec, makeSpec, type Spec } from "../../engine/core/spec.ts";
import { apply } from "../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { permuteCpu } from "./cpu.ts";
import { inverseOrder, MAX_RANK, permutedShape } from "./layout.ts";
import { permuteReference } from "./reference.ts";
import { permuteWebGpu } from "./webgpu.ts";

/** Attributes of `permute`. */
export interface PermuteAttrs {
  /** Dimension `i` of the output is dimension `order[i]` of the input. */
  readonly order: readonly number[];
}

function inferPermute(x: Spec, order: readonly number[]): Spec {
  if (x.dtype === "f16") {
    throw new DTypeError(`Cannot permute ${formatSpec(x)}: elements of 4 bytes are wanted`);
  }
  const rank = x.shape.length;
  const sorted = [...order].sort((a, b) => a - b);
  if (order.length !== rank || rank > MAX_RANK || sorted.some((dim, i) => dim !== i)) {
    throw new ShapeError(
      `Cannot permute ${formatSpec(x)} by [${
        order.join(", ")
      }]: wanted each dimension once, and rank ${MAX_RANK} at most`,
    );
  }
  return makeSpec(x.dtype, permutedShape(x.shape, order));
}

/** The `permute` kernel: its backward is itself, by the inverse order. */
export const PERMUTE: Kernel<PermuteAttrs> = {
  name: "permute",
  infer: ([x], { order }) => [inferPermute(x, order)],
  cost: ([x]) => streamingCost([x], [x], 0),
  reference: ([x], [out], { order }) => permuteReference(x, out, order),
  webgpu: ([x], { order }, limits) => permuteWebGpu(x.shape, order, limits),
  cpu: ([x], { order }) => permuteCpu(x.shape, order),
  vjp: ({ grads: [grad], attrs: { order } }) => [
    grad && apply(PERMUTE, [grad], { order: inverseOrder(order) })[0],
  ],
};
