import { type Shape, sizeOf } from "../../engine/core/shape.ts";

/** One part seen in a tensor that is cut: in each row, `run` elements from element `at` on. */
export interface Segment {
  readonly at: number;
  readonly run: number;
}

/** A cut tensor as a matrix: `[outer, axis, inner]` has `outer` rows of `width` = axis * inner elements. */
export interface Rows {
  readonly outer: number;
  readonly width: number;
  /** In ascending order, without overlap. */
  readonly segments: readonly Segment[];
}

/** The view in which a part is a contiguous piece of every row. */
export function rowsOf(
  whole: Shape,
  axis: number,
  parts: readonly { readonly start: number; readonly size: number }[],
): Rows {
  const inner = sizeOf(whole.slice(axis + 1));
  return {
    outer: sizeOf(whole.slice(0, axis)),
    width: whole[axis] * inner,
    segments: parts.map(({ start, size }) => ({ at: start * inner, run: size * inner })),
  };
}
