import { broadcastStrides, type Shape } from "../../engine/core/shape.ts";

/** One loop of an iteration space: its length, and every operand's stride in elements. */
export interface Axis {
  readonly size: number;
  readonly strides: readonly number[];
}

/**
 * The loops that walk an iteration space of shape `shape` over broadcast operands, outermost first. Neighbouring
 * dimensions that every operand walks with one stride are merged, so most element-wise calls become a single loop.
 */
export function axesOf(shape: Shape, operands: readonly Shape[]): Axis[] {
  const strides = operands.map((operand) => broadcastStrides(operand, shape));
  const axes: Axis[] = [];
  shape.forEach((size, d) => {
    if (size === 1) return;
    const axis = { size, strides: strides.map((own) => own[d]) };
    const outer = axes.at(-1);
    if (outer && outer.strides.every((stride, i) => stride === axis.strides[i] * size)) {
      axes[axes.length - 1] = { size: outer.size * size, strides: axis.strides };
    } else {
      axes.push(axis);
    }
  });
  return axes.length > 0 ? axes : [{ size: 1, strides: operands.map(() => 1) }];
}

/** Calls `visit` with every operand's offset, for each position in row-major order. */
export function walk(
  axes: readonly Axis[],
  visit: (offsets: readonly number[], position: number) => void,
): void {
  const total = axes.reduce((product, axis) => product * axis.size, 1);
  const counters = axes.map(() => 0);
  const offsets = axes[0].strides.map(() => 0);
  for (let position = 0; position < total; position++) {
    visit(offsets, position);
    for (let d = axes.length - 1; d >= 0; d--) {
      const { size, strides } = axes[d];
      const wraps = ++counters[d] === size;
      for (let i = 0; i < offsets.length; i++) offsets[i] += strides[i] * (wraps ? 1 - size : 1);
      if (!wraps) break;
      counters[d] = 0;
    }
  }
}
