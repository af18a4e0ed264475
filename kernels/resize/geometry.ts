import { ShapeError } from "../../engine/core/errors.ts";
import { f32, formatSpec, type Spec } from "../../engine/core/spec.ts";

/** Where the elements of the result lie in the source. */
export type ResizeConvention = "half_pixel" | "tf1";

/** Attributes of a resize by the nearest element. */
export interface ResizeAttrs {
  /** Rows of the result. */
  readonly height: number;
  /** Columns of the result. */
  readonly width: number;
}

/** Attributes of a bilinear resize. */
export interface BilinearAttrs extends ResizeAttrs {
  /** Where the elements of the result lie in the source. */
  readonly convention: ResizeConvention;
}

/** Sizes beyond this would overflow the 32 bits of a product of two. */
const MOST = 16_384;

/** One axis of a resize. */
export interface Axis {
  /** Elements of the source. */
  readonly from: number;
  /** Elements of the result. */
  readonly to: number;
  /** Added to `2 i from` before the division by `2 to` that gives the source position of element i. */
  readonly offset: number;
}

/** An image of many planes and its result. */
export interface ResizeGeometry {
  /** Samples times channels. */
  readonly planes: number;
  readonly rows: Axis;
  readonly columns: Axis;
}

/** Adds what tells conventions apart: half-pixel centres lie `from / to / 2 - 1 / 2` further. */
export function axisOf(from: number, to: number, convention: ResizeConvention): Axis {
  return { from, to, offset: convention === "half_pixel" ? from - to : 0 };
}

/**
 * The position of element `i` in the source, as lower neighbour, upper neighbour and the upper one's weight. With
 * whole numbers only the weight is rounded: position = max(0, 2 i from + offset) / (2 to).
 */
export function positionOf(
  { from, to, offset }: Axis,
  i: number,
): { low: number; high: number; weight: number } {
  const numerator = Math.max(0, 2 * i * from + offset);
  const low = Math.floor(numerator / (2 * to));
  return { low, high: Math.min(low + 1, from - 1), weight: (numerator - low * 2 * to) / (2 * to) };
}

/** The element of the source that is nearest to element `i` of the result: `floor(i from / to)`. */
export function nearestOf({ from, to }: Axis, i: number): number {
  return Math.floor((i * from) / to);
}

/**
 * Reads `f32[B, C, H, W]` as planes, each resized to `height` by `width`.
 *
 * @throws {ShapeError} when the rank is not 4, or a size is not a whole number from 1 to 16,384
 */
export function resizeGeometry(
  kernel: string,
  x: Spec,
  { height, width }: ResizeAttrs,
  convention: ResizeConvention = "tf1",
): ResizeGeometry {
  const [batch, channels, ...size] = x.shape;
  if (x.shape.length !== 4) {
    throw new ShapeError(`Cannot ${kernel} ${formatSpec(x)}: f32[B, C, H, W] wanted`);
  }
  for (const extent of [...size, height, width]) {
    if (Number.isInteger(extent) && extent >= 1 && extent <= MOST) continue;
    throw new ShapeError(
      `Cannot ${kernel} ${formatSpec(x)} to ${height} by ${width}: whole numbers from 1 to ${MOST} wanted`,
    );
  }
  const [rows, columns] = [axisOf(size[0], height, convention), axisOf(size[1], width, convention)];
  return { planes: batch * channels, rows, columns };
}

/** The result: `f32[B, C, height, width]`. */
export function resizedSpec(x: Spec, { rows, columns }: ResizeGeometry): Spec {
  return f32(x.shape[0], x.shape[1], rows.to, columns.to);
}
