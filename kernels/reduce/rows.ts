import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { formatSpec, type Spec } from "../../engine/core/spec.ts";
import { gridOf, type Launch, type Limits } from "../../engine/kernel.ts";

/** A tensor as rows of its last axis. */
export interface Rows {
  readonly rows: number;
  readonly width: number;
}

/**
 * Reads `f32[.., D]` as rows of `D`.
 *
 * @throws {ShapeError} when there is no last axis
 */
export function rowsOf(kernel: string, spec: Spec): Rows {
  if (spec.shape.length === 0) {
    throw new ShapeError(`Cannot ${kernel} ${formatSpec(spec)}: at least one axis is wanted, got none`);
  }
  const width = spec.shape[spec.shape.length - 1];
  return { rows: sizeOf(spec.shape) / width, width };
}

/**
 * Checks that every vector has the length of the last axis of `x`.
 *
 * @throws {ShapeError} naming the kernel and both shapes
 */
export function checkVectors(kernel: string, x: Spec, vectors: readonly Spec[]): void {
  const { width } = rowsOf(kernel, x);
  for (const vector of vectors) {
    if (vector.shape.length === 1 && vector.shape[0] === width) continue;
    throw new ShapeError(
      `Cannot ${kernel} ${formatSpec(x)} by ${
        formatSpec(vector)
      }: f32[${width}] wanted, the length of the last axis`,
    );
  }
}

/**
 * Checks that a gradient has the shape of its tensor.
 *
 * @throws {ShapeError} naming the kernel and both shapes
 */
export function checkGradient(kernel: string, gradient: Spec, x: Spec): void {
  if (sameShape(gradient.shape, x.shape)) return;
  throw new ShapeError(
    `Cannot ${kernel} ${formatSpec(x)} with gradient ${formatSpec(gradient)}: the shapes must be equal`,
  );
}

const FEWEST_LANES = 32;
const MOST_LANES = 256;

/** A launch with one workgroup a row; the source takes the overrides `ROWS`, `WIDTH` and `WORKGROUP` (at most 256). */
export function rowLaunch(
  { rows, width }: Rows,
  limits: Limits,
  launch: Pick<Launch, "source" | "overrides" | "bindings">,
): Launch {
  const lanes = 2 ** Math.ceil(Math.log2(width));
  const WORKGROUP = Math.min(MOST_LANES, Math.max(FEWEST_LANES, lanes));
  return {
    ...launch,
    overrides: { ROWS: rows, WIDTH: width, WORKGROUP, ...launch.overrides },
    groups: gridOf(rows, limits),
  };
}
