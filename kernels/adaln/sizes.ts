import { ShapeError } from "../../engine/core/errors.ts";
import { sameShape } from "../../engine/core/shape.ts";
import { expectDTypes, formatSpec, type Spec } from "../../engine/core/spec.ts";

/** Sizes of a call: x `f32[B, T, D]`, vectors `f32[B, P, D]`. */
export interface AdaLnSizes {
  /** B. */
  readonly batch: number;
  /** T, rows that share their vectors. */
  readonly tokens: number;
  /** D. */
  readonly width: number;
  /** P, vectors of a batch item. */
  readonly parts: number;
}

/** Attributes of `adaln_norm`. */
export interface AdaLnNormAttrs {
  /** Which vector is added to the normalised row. */
  readonly shift: number;
  /** Which vector, plus 1, multiplies it. */
  readonly scale: number;
  /** Added to the variance. */
  readonly eps: number;
}

/** Attributes of `adaln_norm_backward`. */
export interface AdaLnNormBackwardAttrs extends AdaLnNormAttrs {
  /** Whether the last inputs are earlier gradients of x, and of the vectors, to add to. */
  readonly beforeX: boolean;
  /** See `beforeX`. */
  readonly beforeVectors: boolean;
}

/** Attributes of `adaln_residual`. */
export interface AdaLnResidualAttrs {
  /** Which vector multiplies the branch. */
  readonly gate: number;
}

/** Attributes of `adaln_residual_backward`. */
export interface AdaLnResidualBackwardAttrs extends AdaLnResidualAttrs {
  /** Whether the last input is an earlier gradient of the vectors, to add to. */
  readonly beforeVectors: boolean;
}

/**
 * Checks that the first `full` inputs have the shape of the first, and that vectors fit.
 *
 * @param full number of inputs of shape `[B, T, D]`
 * @param used numbers of vectors that the kernel reads
 * @throws {DTypeError} when an input is not a float
 * @throws {ShapeError} when shapes do not fit
 */
export function adaLnSizes(
  name: string,
  inputs: readonly Spec[],
  full: number,
  used: readonly number[],
): AdaLnSizes {
  expectDTypes(name, inputs, inputs.map(() => "float" as const));
  const x = inputs[0], vectors = inputs[full];
  const refuse = (reason: string) => {
    throw new ShapeError(`Cannot ${name} ${inputs.map(formatSpec).join(", ")}: ${reason}`);
  };
  if (x.shape.length !== 3) refuse(`f32[B, T, D] wanted, got ${formatSpec(x)}`);
  if (inputs.slice(0, full).some(({ shape }) => !sameShape(shape, x.shape))) {
    refuse(`the first ${full} inputs must have one shape`);
  }
  const [batch, tokens, width] = x.shape;
  const [, parts = 0] = vectors.shape;
  if (!sameShape(vectors.shape, [batch, parts, width])) {
    refuse(`vectors must be f32[${batch}, P, ${width}], got ${formatSpec(vectors)}`);
  }
  const wrong = used.find((part) => !Number.isInteger(part) || part < 0 || part >= parts);
  if (wrong !== undefined) refuse(`vectors are numbered from 0 to ${parts - 1}, got ${wrong}`);
  return { batch, tokens, width, parts };
}
