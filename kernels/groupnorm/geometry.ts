import { ShapeError } from "../../engine/core/errors.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { formatSpec, type Spec } from "../../engine/core/spec.ts";

/** `f32[B, C, ..]` as rows that are normalised, each a group of whole channels. */
export interface Groups {
  readonly batch: number;
  readonly channels: number;
  /** Elements of a channel. */
  readonly pixels: number;
  /** Channels of a group. */
  readonly groupChannels: number;
  /** Groups of the batch. */
  readonly rows: number;
  /** Elements of a group: they lie one after the other. */
  readonly width: number;
}

/**
 * Reads `f32[B, C, ..]` as groups.
 *
 * @throws {ShapeError} when there is no second axis, or the channels cannot be divided into so many groups
 */
export function groupsOf(kernel: string, x: Spec, groups: number): Groups {
  const [batch, channels, ...rest] = x.shape;
  if (x.shape.length < 2) {
    throw new ShapeError(
      `Cannot ${kernel} ${formatSpec(x)}: f32[B, C, ..] wanted, got rank ${x.shape.length}`,
    );
  }
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw new ShapeError(
      `Cannot ${kernel} ${formatSpec(x)} in ${groups} groups: wanted a divisor of its ${channels} channels`,
    );
  }
  const pixels = sizeOf(rest);
  const groupChannels = channels / groups;
  return { batch, channels, pixels, groupChannels, rows: batch * groups, width: groupChannels * pixels };
}

/**
 * Checks that weight and bias have one number a channel.
 *
 * @throws {ShapeError} naming both shapes
 */
export function checkChannels(kernel: string, x: Spec, vectors: readonly Spec[]): void {
  for (const vector of vectors) {
    if (vector.shape.length === 1 && vector.shape[0] === x.shape[1]) continue;
    throw new ShapeError(
      `Cannot ${kernel} ${formatSpec(x)} by ${formatSpec(vector)}: f32[${x.shape[1]}] wanted, one a channel`,
    );
  }
}
