/**
 * Rotary position embedding, and the tables of angles that it reads.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { ROPE } from "./kernel.ts";
import { blockOf, type Rotation } from "./rotation.ts";

export { ROPE, type RopeAttrs } from "./kernel.ts";
export { type Rotation } from "./rotation.ts";
export { type RopeTable, ropeTable1d, ropeTable2d, ropeTableInterleaved2d } from "./table.ts";

/**
 * Turns pairs of channels by position-dependent angles (Su et al. 2021), so that the product of a query and a key
 * depends on their distance. The table is a constant: no gradient flows to it.
 *
 * @param x `f32[B, N, H, D]`
 * @param table `f32[2, N, D]`, from `ropeTable1d` and its siblings
 * @returns `f32[B, N, H, D]`
 * @throws {ShapeError} when the table does not fit `x`, or the block does not divide D
 */
export function rope(x: Tensor, table: Tensor, rotation: Rotation): Tensor {
  return apply(ROPE, [x, table], { block: blockOf(rotation), inverse: false })[0];
}
