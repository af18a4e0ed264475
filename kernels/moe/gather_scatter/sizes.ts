import {
  BYTES_PER_ELEMENT,
  bytesPerElement,
  commonFloat,
  type DType,
  type Float,
} from "../../../engine/core/dtype.ts";
import { ShapeError } from "../../../engine/core/errors.ts";
import { sameShape } from "../../../engine/core/shape.ts";
import { expectDTypes, formatSpec, type Spec, type WantedDType } from "../../../engine/core/spec.ts";
import type { Cost } from "../../../engine/kernel.ts";

/** Sizes of a move between tokens and rows. */
export interface MoveSizes {
  /** Tokens. */
  readonly T: number;
  /** Slots of a token. */
  readonly K: number;
  /** Channels. */
  readonly D: number;
  /** Rows. */
  readonly R: number;
}

/** Sizes from x: `[T, D]`, slot: `[R]`, row: `[T, K]`. */
export function gatherSizes(name: string, inputs: readonly Spec[]): MoveSizes {
  const [[T, D], [R], [, K]] = shapes(name, inputs, [2, 1, 2]);
  return { T, K, D, R };
}

/** Sizes from y: `[R, D]`, weights: `[T, K]`, row, slot; more inputs may follow. */
export function combineSizes(name: string, inputs: readonly Spec[]): MoveSizes {
  const [[R, D], [T, K]] = shapes(name, inputs.slice(0, 4), [2, 2, 2, 1]);
  return { T, K, D, R };
}

/** The shapes of some inputs, of the given ranks. */
export function shapes(name: string, inputs: readonly Spec[], ranks: readonly number[]): readonly number[][] {
  const fits = inputs.length === ranks.length && inputs.every(({ shape }, i) => shape.length === ranks[i]);
  if (fits) return inputs.map(({ shape }) => [...shape]);
  throw new ShapeError(
    `Cannot ${name} ${inputs.map(formatSpec).join(", ")}: inputs of ranks ${ranks.join(", ")} are wanted`,
  );
}

/**
 * Checks every input against the spec that it must have, by name.
 *
 * @throws {DTypeError} when an element type differs
 * @throws {ShapeError} naming the first input of another shape
 */
export function requireSpecs(
  name: string,
  inputs: readonly Spec[],
  wanted: Readonly<Record<string, readonly [WantedDType, ...number[]]>>,
): void {
  const specs = Object.values(wanted);
  expectDTypes(name, inputs, specs.map(([dtype]) => dtype));
  Object.keys(wanted).forEach((input, i) => {
    const [, ...shape] = specs[i];
    const { dtype } = inputs[i];
    if (!sameShape(inputs[i].shape, shape)) {
      throw new ShapeError(
        `Cannot ${name} ${inputs.map(formatSpec).join(", ")}: ${input} must be ${
          formatSpec({ dtype, shape })
        }, got ${formatSpec(inputs[i])}`,
      );
    }
  });
}

/** The dtype of what is moved: `f16` stays `f16`. */
export function movedType({ dtype }: Spec): Float {
  return commonFloat([dtype]);
}

/** Work of a move: elements of the dtype that is moved, and words beside them. */
export interface MoveWork {
  readonly flops: number;
  /** Elements read. */
  readonly read: number;
  /** Words read: indices and weights. */
  readonly words: number;
  /** Elements written. */
  readonly written: number;
}

/** A cost from numbers of elements of one dtype. */
export function moveCost({ flops, read, words, written }: MoveWork, dtype: DType): Cost {
  const each = bytesPerElement(dtype);
  return { flops, bytesRead: read * each + words * BYTES_PER_ELEMENT, bytesWritten: written * each };
}
