import type { Tensor } from "../../engine/tensor.ts";
import { emaUpdate } from "../../kernels/adamw/mod.ts";
import type { Routing } from "./sparse_moe.ts";

/** A buffer that is the moving average of something that each training step sees. */
export interface MovingBuffer {
  /** The average, changed in place by `moveBuffers`. */
  readonly buffer: Tensor;
  /** What it follows, of the buffer's shape; one for each forward pass of the step, in order. */
  readonly values: readonly Tensor[];
  /** Weight of the old average. */
  readonly decay: number;
}

/**
 * Moves the buffers that the layers of a training step have: `buffer = decay * buffer + (1 - decay) * value` for each
 * forward pass. A forward pass only computes the values; they take effect here, together with the optimizer, so that a
 * step that is skipped changes no buffer either, and a resumed run continues from the saved ones.
 *
 * @param gate `f32[1]`, see `clipGate`; nothing happens where it is negative
 */
export function moveBuffers(routings: readonly Routing[], gate: Tensor): void {
  for (const { path, moving } of routings) {
    if (!moving) continue;
    const { buffer, values, decay } = moving;
    gate.device.at(path, () => values.forEach((value) => emaUpdate(buffer, value, gate, decay)));
  }
}
