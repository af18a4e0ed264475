import { BYTES_PER_ELEMENT, type DType } from "./dtype.ts";
import { DTypeError, ShapeError } from "./errors.ts";
import { type Shape, sizeOf } from "./shape.ts";

/** What is known of a tensor before it has any bytes: element type and shape. */
export interface Spec {
  /** Type of the elements. */
  readonly dtype: DType;
  /** Extents, outermost first; empty for a scalar. */
  readonly shape: Shape;
}

/** Makes an `f32` spec. */
export function f32(...shape: number[]): Spec {
  return makeSpec("f32", shape);
}

/** Makes an `i32` spec. */
export function i32(...shape: number[]): Spec {
  return makeSpec("i32", shape);
}

/** Makes a `u32` spec. */
export function u32(...shape: number[]): Spec {
  return makeSpec("u32", shape);
}

/**
 * Makes a spec.
 *
 * @throws {ShapeError} when a dimension is not a positive whole number
 */
export function makeSpec(dtype: DType, shape: Shape): Spec {
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 1) {
      throw new ShapeError(
        `Cannot make a tensor of shape [${
          shape.join(", ")
        }]: dimensions must be whole numbers of at least 1, got ${dim}`,
      );
    }
  }
  return { dtype, shape };
}

/** Bytes of the elements. */
export function byteLength(spec: Spec): number {
  return sizeOf(spec.shape) * BYTES_PER_ELEMENT;
}

/** The notation used everywhere, in docs and in errors: `f32[64, 384]`. */
export function formatSpec(spec: Spec): string {
  return `${spec.dtype}[${spec.shape.join(", ")}]`;
}

/**
 * Checks the element types of a kernel's inputs.
 *
 * @throws {DTypeError} naming the kernel, the position, and both dtypes
 */
export function expectDTypes(
  kernel: string,
  inputs: readonly Spec[],
  wanted: readonly DType[],
): void {
  if (inputs.length !== wanted.length) {
    throw new ShapeError(
      `Cannot ${kernel}: ${wanted.length} inputs wanted, got ${inputs.length}`,
    );
  }
  wanted.forEach((dtype, i) => {
    if (inputs[i].dtype !== dtype) {
      throw new DTypeError(
        `Cannot ${kernel}: input ${i} must be ${dtype}, got ${formatSpec(inputs[i])}`,
      );
    }
  });
}
