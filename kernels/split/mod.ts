/**
 * Cutting a tensor along one axis, and putting pieces together.
 *
 * @module
 */
import { ShapeError } from "../../engine/core/errors.ts";
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { CONCAT, SPLIT } from "./kernel.ts";

export { CONCAT, type ConcatAttrs, type Part, SPLIT, type SplitAttrs } from "./kernel.ts";

function axisOf(x: Tensor, axis: number): number {
  return axis < 0 ? axis + x.shape.length : axis;
}

/**
 * Cuts `x` along an axis.
 *
 * @param x any dtype, any rank of at least 1
 * @param axis dimension to cut; negative counts from the end
 * @param parts number of equal parts, or the size of each part
 * @returns the parts, in order
 * @throws {ShapeError} when the parts do not fill the axis
 */
export function split(x: Tensor, axis: number, parts: number | readonly number[]): Tensor[] {
  const at = axisOf(x, axis);
  const sizes = typeof parts === "number" ? equalSizes(x, at, parts) : parts;
  let start = 0;
  const pieces = sizes.map((size) => ({ start: (start += size) - size, size }));
  if (start !== x.shape[at]) {
    throw new ShapeError(
      `Cannot split ${x} along axis ${axis}: parts must add up to ${x.shape[at]}, got ${sizes.join(" + ")}`,
    );
  }
  return apply(SPLIT, [x], { axis: at, parts: pieces });
}

function equalSizes(x: Tensor, axis: number, parts: number): readonly number[] {
  const size = x.shape[axis] / parts;
  if (!Number.isInteger(parts) || parts < 1 || !Number.isInteger(size)) {
    throw new ShapeError(
      `Cannot split ${x} along axis ${axis}: ${
        x.shape[axis]
      } must be a multiple of the number of parts, got ${parts}`,
    );
  }
  return Array.from({ length: parts }, () => size);
}

/**
 * The elements `start` to `start + size - 1` of an axis.
 *
 * @param axis dimension to cut; negative counts from the end
 * @throws {ShapeError} when the slice leaves the axis
 */
export function slice(x: Tensor, axis: number, start: number, size: number): Tensor {
  return apply(SPLIT, [x], { axis: axisOf(x, axis), parts: [{ start, size }] })[0];
}

/**
 * Puts tensors one after the other along an axis: the inverse of `split`.
 *
 * @param xs at least one tensor; of one dtype and, except along the axis, of one shape
 * @param axis dimension to join; negative counts from the end
 * @throws {ShapeError} when the other dimensions differ
 */
export function concat(xs: readonly Tensor[], axis: number): Tensor {
  if (xs.length === 0) throw new ShapeError("Cannot concat no tensors: at least 1 is wanted");
  return apply(CONCAT, xs, { axis: axisOf(xs[0], axis) })[0];
}
