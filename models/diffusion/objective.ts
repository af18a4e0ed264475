import type { Tensor } from "../../engine/tensor.ts";

/** One noisy batch of a training step. */
export interface NoisyBatch {
  /** Data, `f32[B, C, H, W]`. */
  readonly x: Tensor;
  /** Standard normal, `f32[B, C, H, W]`. */
  readonly noise: Tensor;
  /** Times in [0, 1], `f32[B]`. */
  readonly t: Tensor;
}

/** The draws of a training step's times. */
export interface TimeDraws {
  /** Uniform in [0, 1), `f32[B]`. */
  uniform(): Tensor;
  /** Standard normal, `f32[B]`. */
  normal(): Tensor;
}

/** What a network predicts and how it is scored, apart from the network. Time 0 is noise, time 1 is data. */
export interface Objective {
  /** What it is called in texts. */
  readonly name: string;
  /** Standard deviation of the noise at time 0. */
  readonly noiseScale: number;
  /** Whether the velocity divides by `1 - t`, so that a sampler should not evaluate the network at time 1. */
  readonly singularAtData?: boolean;
  /** The times of a training batch, `f32[B]`. */
  times(draws: TimeDraws): Tensor;
  /** The noisy input at a batch's times, `f32[B, C, H, W]`. */
  pathPoint(batch: NoisyBatch): Tensor;
  /**
   * The training loss, `f32[]`.
   *
   * @param out the network's output at `z`
   * @param z the noisy input
   */
  loss(out: Tensor, z: Tensor, batch: NoisyBatch): Tensor;
  /**
   * The velocity `dz/dt` that a sampler follows, `f32[B, C, H, W]`.
   *
   * @param out the network's output at `z` and `t`
   */
  velocity(out: Tensor, z: Tensor, t: Tensor): Tensor;
}
