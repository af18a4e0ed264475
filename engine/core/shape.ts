import { ShapeError } from "./errors.ts";

/** Dimensions of a tensor, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements: the product of the dimensions (1 for a scalar). */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Whether two shapes have the same dimensions. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

/**
 * The common shape under NumPy's broadcasting rule: align at the right, a dimension of 1 stretches.
 *
 * @throws {ShapeError} when two aligned dimensions differ and neither is 1
 */
export function broadcastShapes(shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let dim = 1;
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (own !== 1 && dim !== 1 && own !== dim) {
        const list = shapes.map((s) => `[${s.join(", ")}]`).join(" and ");
        throw new ShapeError(
          `Cannot broadcast ${list}: sizes ${dim} and ${own} differ and neither is 1`,
        );
      }
      if (own !== 1) dim = own;
    }
    return dim;
  });
}

/** Strides that read a tensor of shape `from` as if it had the broadcast shape `to`: 0 where stretched. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from);
  return to.map((_, axis) => {
    const i = axis - to.length + from.length;
    return i < 0 || from[i] === 1 ? 0 : own[i];
  });
}
