import type { DType } from "../../engine/core/dtype.ts";
import { ShapeError } from "../../engine/core/errors.ts";
import { broadcastShapes, type Shape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, f32, type Spec } from "../../engine/core/spec.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { constant, countFlops, type Expression, mul } from "../expression/expression.ts";
import { expressionVjp } from "../expression/vjp.ts";
import { reduceCpu } from "./cpu.ts";
import { reduceReference } from "./reference.ts";
import { reduceWebGpu } from "./webgpu.ts";

/** Attributes of a reduction. */
export interface ReduceAttrs {
  /** Shape that is walked; the inputs broadcast to it. */
  readonly over: Shape;
  /** Shape of the output: `over` with 1 in every summed dimension. */
  readonly shape: Shape;
  /** Factor on the sum: 1 for a sum, 1/n for a mean. */
  readonly scale: number;
}

/** Sums an expression of the inputs' elements over the dimensions where `shape` has a 1; the sums are `f32`. */
export function reduceKernel(
  name: string,
  types: readonly DType[],
  root: Expression,
): Kernel<ReduceAttrs> {
  return {
    name,
    infer(inputs, attrs) {
      expectDTypes(name, inputs, types.map((type) => type === "f32" ? "float" : type));
      checkShapes(name, inputs, attrs);
      return [f32(...attrs.shape)];
    },
    cost(inputs, attrs) {
      const flops = (countFlops([root]) + 1) * sizeOf(attrs.over);
      return streamingCost(inputs, [f32(...attrs.shape)], flops);
    },
    reference: (inputs, [out], attrs) => reduceReference(root, inputs, out, attrs),
    webgpu: (inputs, attrs, limits) => reduceWebGpu(root, inputs, attrs, limits),
    cpu: (inputs, attrs) => reduceCpu(root, inputs, attrs),
    vjp: ({ inputs, grads, needs, attrs }) =>
      expressionVjp({
        name,
        roots: [root],
        grads,
        upstream: (grad) => mul(grad, constant(attrs.scale)),
        inputs,
        needs,
        shape: attrs.over,
      }),
  };
}

function checkShapes(name: string, inputs: readonly Spec[], { over, shape }: ReduceAttrs): void {
  const walked = broadcastShapes([...inputs.map((spec) => spec.shape), over]);
  const fits = walked.length === over.length && walked.every((dim, i) => dim === over[i]);
  if (!fits || shape.length !== over.length || shape.some((dim, i) => dim !== 1 && dim !== over[i])) {
    throw new ShapeError(
      `Cannot ${name} over [${over.join(", ")}] to [${
        shape.join(", ")
      }]: inputs must broadcast to the first, ` +
        `and the second must have the same rank with 1 or the same size in each dimension`,
    );
  }
}
