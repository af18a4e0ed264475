import { type Shape, sizeOf } from "../../engine/core/shape.ts";
import { axesOf, type Axis } from "../expression/layout.ts";

/** The loops of a reduction, outermost first; the last operand of each axis is the output. */
export interface ReduceAxes {
  /** Loops over output elements, in the output's order. */
  readonly kept: readonly Axis[];
  /** Loops that are summed over. */
  readonly summed: readonly Axis[];
  /** Number of output elements. */
  readonly outputs: number;
  /** Number of terms of each sum. */
  readonly terms: number;
  /** Whether the innermost loop is summed over: then neighbouring terms, else neighbouring outputs, are adjacent. */
  readonly innermostSummed: boolean;
}

/** Sorts the merged loops over `over` into kept and summed ones. */
export function reduceAxes(operands: readonly Shape[], over: Shape, shape: Shape): ReduceAxes {
  const axes = axesOf(over, [...operands, shape]);
  const isSummed = (axis: Axis) => axis.strides[operands.length] === 0;
  const [outputs, all] = [sizeOf(shape), sizeOf(over)];
  return {
    kept: axes.filter((axis) => !isSummed(axis)),
    summed: axes.filter(isSummed),
    outputs,
    terms: all / outputs,
    innermostSummed: isSummed(axes[axes.length - 1]),
  };
}
