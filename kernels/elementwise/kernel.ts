import { commonFloat, type DType } from "../../engine/core/dtype.ts";
import { broadcastShapes, type Shape, sizeOf } from "../../engine/core/shape.ts";
import { expectDTypes, makeSpec, type Spec } from "../../engine/core/spec.ts";
import { type Kernel, streamingCost } from "../../engine/kernel.ts";
import { countFlops, type Expression } from "../expression/expression.ts";
import { expressionVjp } from "../expression/vjp.ts";
import { elementwiseCpu } from "./cpu.ts";
import { elementwiseReference } from "./reference.ts";
import { elementwiseWebGpu } from "./webgpu.ts";

/** Attributes of an element-wise call. */
export interface ElementwiseAttrs {
  /** Shape of the output where the inputs alone do not give it. */
  readonly shape?: Shape;
  /** Dtypes of the outputs where they are not what the inputs give; see `outputTypes`. */
  readonly types?: readonly DType[];
}

/** An element-wise kernel: every output element is an expression of the inputs' elements, which broadcast. */
export interface ElementwiseKernel extends Kernel<ElementwiseAttrs> {
  /** One expression for each output. */
  readonly roots: readonly Expression[];
}

/** Output shape of an element-wise call. */
export function outputShape(inputs: readonly Spec[], attrs: ElementwiseAttrs): Shape {
  const own = inputs.map((spec) => spec.shape);
  return broadcastShapes(attrs.shape ? [...own, attrs.shape] : own);
}

/**
 * Dtypes of the outputs of some roots: integers as they are, floats `f16` where all float inputs are, and else `f32`;
 * what the attributes say comes first.
 */
export function outputTypes(
  roots: readonly Expression[],
  inputs: readonly Spec[],
  { types }: ElementwiseAttrs,
): readonly DType[] {
  const float = commonFloat(inputs.map(({ dtype }) => dtype));
  return types ?? roots.map(({ type }) => type === "f32" ? float : type as DType);
}

/**
 * Makes an element-wise kernel with one output for each root.
 *
 * @param types dtypes of the inputs; where it says `f32`, `f16` will do
 */
export function elementwiseKernel(
  name: string,
  types: readonly DType[],
  roots: readonly Expression[],
): ElementwiseKernel {
  const outputs = (inputs: readonly Spec[], attrs: ElementwiseAttrs) => {
    const shape = outputShape(inputs, attrs);
    return outputTypes(roots, inputs, attrs).map((dtype) => makeSpec(dtype, shape));
  };
  return {
    name,
    roots,
    infer(inputs, attrs) {
      expectDTypes(name, inputs, types.map((type) => type === "f32" ? "float" : type));
      return outputs(inputs, attrs);
    },
    cost(inputs, attrs) {
      const flops = countFlops(roots) * sizeOf(outputShape(inputs, attrs));
      return streamingCost(inputs, outputs(inputs, attrs), flops);
    },
    reference: (inputs, outs, attrs) => elementwiseReference(roots, inputs, outs, attrs),
    webgpu: (inputs, attrs, limits) => elementwiseWebGpu(roots, inputs, attrs, limits),
    cpu: (inputs, attrs) => elementwiseCpu(roots, inputs, attrs),
    vjp: ({ inputs, outputs, grads, needs }) =>
      expressionVjp({ name, roots, grads, inputs, needs, shape: outputs[0].shape }),
  };
}
