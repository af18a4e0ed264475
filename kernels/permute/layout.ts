import { type Shape, stridesOf } from "../../engine/core/shape.ts";

/** Most dimensions that a permutation may have. */
export const MAX_RANK = 6;

/** One loop over the output: its length, and the strides in elements of the input and of the output. */
export interface Loop {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Shape after a permutation. */
export function permutedShape(shape: Shape, order: readonly number[]): Shape {
  return order.map((dim) => shape[dim]);
}

/**
 * The loops that walk the output row by row, outermost first, as few as possible: dimensions of size 1 are
 * dropped, and neighbours that stay neighbours are merged.
 */
export function loopsOf(shape: Shape, order: readonly number[]): readonly Loop[] {
  const from = stridesOf(shape);
  const to = stridesOf(permutedShape(shape, order));
  const loops: Loop[] = [];
  order.forEach((dim, i) => {
    if (shape[dim] === 1) return;
    const loop = { size: shape[dim], from: from[dim], to: to[i] };
    const outer = loops.at(-1);
    if (outer?.from === loop.from * loop.size) {
      loops[loops.length - 1] = { ...loop, size: outer.size * loop.size };
    } else {
      loops.push(loop);
    }
  });
  return loops.length > 0 ? loops : [{ size: 1, from: 1, to: 1 }];
}

/** The loops of a permutation by the way they run. */
export interface Directions {
  /** The loop along which reads are contiguous. */
  readonly a: Loop;
  /** The loop along which writes are contiguous. */
  readonly b: Loop;
  readonly others: readonly Loop[];
  /** The shorter of both sizes; 0 where reads and writes run along the same loop. */
  readonly crossed: number;
}

/** Finds the loops that a transposition in blocks exchanges. */
export function directionsOf(loops: readonly Loop[]): Directions {
  const a = loops.find(({ from }) => from === 1)!;
  const b = loops[loops.length - 1];
  const others = loops.filter((loop) => loop !== a && loop !== b);
  return { a, b, others, crossed: a === b ? 0 : Math.min(a.size, b.size) };
}

/** The permutation that undoes `order`. */
export function inverseOrder(order: readonly number[]): number[] {
  const inverse: number[] = [];
  order.forEach((dim, i) => inverse[dim] = i);
  return inverse;
}
