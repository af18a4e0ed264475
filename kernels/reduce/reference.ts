import type { View } from "../../engine/kernel.ts";
import { evaluator } from "../expression/evaluate.ts";
import type { Expression } from "../expression/expression.ts";
import { axesOf, walk } from "../expression/layout.ts";
import type { ReduceAttrs } from "./kernel.ts";

/** Adds up the root's value at every position in f64. */
export function reduceReference(
  root: Expression,
  inputs: readonly View[],
  out: View,
  attrs: ReduceAttrs,
): void {
  const evaluate = evaluator([root]);
  const elements = new Float64Array(inputs.length);
  const operands = [...inputs.map((view) => view.spec.shape), attrs.shape];
  walk(axesOf(attrs.over, operands), (offsets) => {
    for (let i = 0; i < inputs.length; i++) elements[i] = inputs[i].data[offsets[i]];
    out.data[offsets[inputs.length]] += evaluate(elements)[0];
  });
  out.data.forEach((sum, i) => out.data[i] = sum * attrs.scale);
}
