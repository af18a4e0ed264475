import { f32, i32 } from "../engine/core/spec.ts";
import type { Device } from "../engine/device/device.ts";
import type { Tensor } from "../engine/tensor.ts";
import { scaledGate, type ScaledGateAttrs } from "../kernels/loss_scale/mod.ts";

/** First scale, and the numbers of its schedule: those of `torch.amp.GradScaler`, with an end to the growth. */
export const LOSS_SCALE: Readonly<Record<"first" | "growEvery" | "most", number>> = {
  first: 2 ** 16,
  growEvery: 2000,
  most: 2 ** 24,
};

/** What the loss is multiplied by before it is differentiated, adapted on the device from step to step. */
export class LossScale implements Disposable {
  /** `f32[]`, the scale of the next step. */
  readonly scale: Tensor;
  /** `i32[1]`, finite steps since it last changed. */
  readonly good: Tensor;

  /**
   * Takes memory and starts anew.
   *
   * @param schedule where it differs from `LOSS_SCALE`
   */
  constructor(
    private readonly device: Device,
    private readonly schedule: { readonly first: number; readonly growEvery: number; readonly most: number } =
      LOSS_SCALE,
  ) {
    this.scale = device.persistent(f32(), Float32Array.of(schedule.first));
    this.good = device.persistent(i32(1), new Int32Array(1));
  }

  /**
   * The factor on the scaled gradients, and the norm of the gradients; moves the scale. See `scaledGate`.
   *
   * @param norm of the scaled gradients, `f32[1]`
   * @param halted `u32[1]`
   */
  gate(
    norm: Tensor,
    loss: Tensor,
    halted: Tensor,
    maxNorm: ScaledGateAttrs["maxNorm"],
  ): { gate: Tensor; norm: Tensor } {
    const { growEvery, most } = this.schedule;
    return scaledGate(norm, loss, { halted, scale: this.scale, good: this.good }, {
      maxNorm,
      growEvery,
      most,
    });
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.device.release(this.scale);
    this.device.release(this.good);
  }
}
