import { BYTES_PER_ELEMENT, bytesPerElement, type DType, isFloat } from "./dtype.ts";
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

/** Makes an `f16` spec. */
export function f16(...shape: number[]): Spec {
  return makeSpec("f16", shape);
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

/** Bytes of the elements, in whole words. */
export function byteLength(spec: Spec): number {
  const bytes = sizeOf(spec.shape) * bytesPerElement(spec.dtype);
  return Math.ceil(bytes / BYTES_PER_ELEMENT) * BYTES_PER_ELEMENT;
}

/** The notation used everywhere, in docs and in errors: `f32[64, 384]`. */
export function formatSpec(spec: Spec): string {
  return `${spec.dtype}[${spec.shape.join(", ")}]`;
}

/** What a kernel asks of an input: a dtype, or `float` for `f32` and `f16` alike. */
export type WantedDType = DType | "float";

/**
 * Checks the element types of a kernel's inputs.
 *
 * @throws {DTypeError} naming the kernel, the position, and both dtypes
 */
export function expectDTypes(
  kernel: string,
  inputs: readonly Spec[],
  wanted: readonly WantedDType[],
): void {
  if (inputs.length !== wanted.length) {
    throw new ShapeError(
      `Cannot ${kernel}: ${wanted.length} inputs wanted, got ${inputs.length}`,
    );
  }
  wanted.forEach((dtype, i) => {
    const own = inputs[i].dtype;
    if (dtype === "float" ? isFloat(own) : own === dtype) return;
    const wish = dtype === "float" ? "f32 or f16" : dtype;
    throw new DTypeError(`Cannot ${kernel}: input ${i} must be ${wish}, got ${formatSpec(inputs[i])}`);
  });
}
