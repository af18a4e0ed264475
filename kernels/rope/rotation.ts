import { ShapeError } from "../../engine/core/errors.ts";
import { formatSpec, type Spec } from "../../engine/core/spec.ts";

/**
 * Which channels of a head turn together. `half`: inside each block of `block` channels, `j` and `j + block/2`;
 * `interleaved`: `2i` and `2i + 1`.
 */
export type Rotation =
  | { readonly pairing: "half"; readonly block: number }
  | { readonly pairing: "interleaved" };

/** Channels of a block whose two halves turn together: neighbouring pairs are blocks of two. */
export function blockOf(rotation: Rotation): number {
  return rotation.pairing === "half" ? rotation.block : 2;
}

/**
 * Checks that a table and a block fit heads of `headDim` channels at `tokens` positions.
 *
 * @param action what fails otherwise, for the message: `rotate f32[1, 2, 1, 4]`
 * @throws {ShapeError} naming the table and the sizes that are wanted
 */
export function checkRotation(
  action: string,
  table: Spec,
  block: number,
  tokens: number,
  headDim: number,
): void {
  const [parts, rows, columns] = table.shape;
  if (table.shape.length !== 3 || parts !== 2 || rows !== tokens || columns !== headDim) {
    throw new ShapeError(
      `Cannot ${action}: the table must be f32[2, ${tokens}, ${headDim}], got ${formatSpec(table)}`,
    );
  }
  if (!Number.isInteger(block) || block < 2 || block % 2 !== 0 || headDim % block !== 0) {
    throw new ShapeError(
      `Cannot ${action}: the block must be even and divide heads of ${headDim} channels, got ${block}`,
    );
  }
}
