import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape, sizeOf } from "../../engine/core/shape.ts";
import { formatSpec, type Spec } from "../../engine/core/spec.ts";
import { wgslHeader } from "../../engine/device/webgpu/wgsl.ts";
import { gridOf, type Launch, type Limits } from "../../engine/kernel.ts";
import { variantsOf } from "../variants.ts";
import byInvocation from "./row_by_invocation.wgsl" with { type: "text" };
import byWorkgroup from "./row_by_workgroup.wgsl" with { type: "text" };

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

/** Rows of a workgroup where each has a single invocation; as in `row_by_invocation.wgsl`. */
const ROWS_OF_WORKGROUP = 64;

/** A kernel over rows: what stands behind `row_by_workgroup.wgsl` or `row_by_invocation.wgsl`. */
export interface RowKernel {
  /** WGSL with `handle_row(row, lane)`, which loops over `c = lane; c < WIDTH; c += LANES`. */
  readonly source: string;
  /** Type of what the lanes of a row combine. */
  readonly partial: "f32" | "vec2f";
  /** Values of the source's own overrides. */
  readonly overrides?: Launch["overrides"];
  readonly bindings: Launch["bindings"];
}

/** A launch with one workgroup a row, or one invocation, as it suits the adapter. */
export function rowLaunch(
  { rows, width }: Rows,
  limits: Limits,
  { source, partial, overrides, bindings }: RowKernel,
): Launch {
  const head = wgslHeader({ Partial: partial });
  const sizes = { ROWS: rows, WIDTH: width, ...overrides };
  if (width <= variantsOf(limits).widestRowOfInvocation) {
    const groups = gridOf(Math.ceil(rows / ROWS_OF_WORKGROUP), limits);
    return { source: head + byInvocation + source, overrides: sizes, bindings, groups };
  }
  const lanes = 2 ** Math.ceil(Math.log2(width));
  const LANES = Math.min(MOST_LANES, Math.max(FEWEST_LANES, lanes));
  return {
    source: head + byWorkgroup + source,
    overrides: { ...sizes, LANES },
    bindings,
    groups: gridOf(rows, limits),
  };
}
