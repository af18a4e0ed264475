import type { View } from "../../engine/kernel.ts";
import { evaluator } from "../expression/evaluate.ts";
import type { Expression } from "../expression/expression.ts";
import { axesOf, walk } from "../expression/layout.ts";
import { type ElementwiseAttrs, outputShape } from "./kernel.ts";

/** Evaluates the roots at every position, in f64. */
export function elementwiseReference(
  roots: readonly Expression[],
  inputs: readonly View[],
  outputs: readonly View[],
  attrs: ElementwiseAttrs,
): void {
  const shape = outputShape(inputs.map((view) => view.spec), attrs);
  const evaluate = evaluator(roots);
  const elements = new Float64Array(inputs.length);
  walk(axesOf(shape, [...inputs.map((view) => view.spec.shape), shape]), (offsets, position) => {
    for (let i = 0; i < inputs.length; i++) elements[i] = inputs[i].data[offsets[i]];
    const values = evaluate(elements);
    for (let r = 0; r < outputs.length; r++) outputs[r].data[position] = values[r];
  });
}
