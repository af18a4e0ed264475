/**
 * Measurements of a step, written where they can be read later without stopping the device.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { LOG_ROW } from "./kernel.ts";

export { LOG_ROW, type LogRowAttrs } from "./kernel.ts";

/**
 * Writes `value` into this step's row of a ring of rows, in place: `ring[step % capacity, column + i] = value[i]`,
 * where the step is `rng[2]`. Read the ring every `capacity` steps or more often.
 *
 * @param ring `f32[capacity, width]`
 * @param rng `u32[3]`: low word of the seed, high word of the seed, step
 * @param value any dtype and shape; its elements become f32
 * @throws {ShapeError} when the value does not fit the row from `column` on
 */
export function logRow(ring: Tensor, rng: Tensor, column: number, value: Tensor): void {
  apply(LOG_ROW, [ring, rng, value], { column });
}
