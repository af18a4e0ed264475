/**
 * Rows of a table by number.
 *
 * @module
 */
import { apply } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { EMBEDDING } from "./kernel.ts";

export { EMBEDDING, EMBEDDING_BACKWARD, type EmbeddingBackwardAttrs } from "./kernel.ts";

/**
 * Row `indices[n]` of a table, for each n. A number outside 0 to V - 1 reads the nearest row; check labels on the
 * host, where they can be reported.
 *
 * @param table `f32[V, D]`
 * @param indices `i32[N]`
 * @returns `f32[N, D]`
 * @throws {ShapeError} when the table is not a matrix or the indices are not a vector
 */
export function embedding(table: Tensor, indices: Tensor): Tensor {
  return apply(EMBEDDING, [table, indices], {})[0];
}
