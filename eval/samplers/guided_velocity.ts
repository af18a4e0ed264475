import { f32, i32 } from "../../engine/core/spec.ts";
import type { Device } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { interpolate } from "../../kernels/elementwise/mod.ts";
import { concat, split } from "../../kernels/split/mod.ts";
import type { DiffusionModel, ModelOutput } from "../../models/model.ts";
import { guidanceAt, type SamplerOptions } from "./options.ts";

/** The velocity of a batch at one time, and what the network did to find it. */
export interface Evaluated {
  /** `f32[B, C, H, W]`. */
  readonly velocity: Tensor;
  /** One output for both passes in one batch, or one for each pass. */
  readonly outputs: readonly ModelOutput[];
}

/** Time and guidance scale of one evaluation, as inputs of a recorded program. */
export interface Moment {
  /** `f32[B]` or `f32[2B]`. */
  readonly t: Tensor;
  /** `f32[1]`. */
  readonly guidance: Tensor;
}

/**
 * The velocity field that a sampler follows, with classifier-free guidance: `v_null + g (v_cond - v_null)`. Both
 * passes share a batch, unless the model couples the images of one. With a scale of 1 the conditional pass is alone.
 */
export class GuidedVelocity implements Disposable {
  readonly #labels: Tensor;
  readonly #moments: Moment[] = [];
  readonly #passes: number;

  constructor(
    private readonly device: Device,
    private readonly model: DiffusionModel,
    private readonly options: SamplerOptions,
  ) {
    this.#passes = options.guidance === 1 && !options.divergence ? 1 : 2;
    this.#labels = device.persistent(i32(options.batch * this.#passes));
  }

  /** `f32[B, C, H, W]`, the spec of images and velocities. */
  get images(): ReturnType<typeof f32> {
    const { in_channels: channels, input_size: size } = this.model.config.model;
    return f32(this.options.batch, channels, size, size);
  }

  /** Declares one more time and scale. */
  moment(): Moment {
    const t = this.device.persistent(f32(this.options.batch * this.#passes));
    const moment = { t, guidance: this.device.persistent(f32(1)) };
    this.#moments.push(moment);
    return moment;
  }

  /** Writes a time, and the scale that belongs to `guidedAt`: the time itself, unless an interval's end is near. */
  setMoment({ t: times, guidance }: Moment, t: number, guidedAt = t): void {
    times.write(new Float32Array(times.size).fill(t));
    guidance.write(Float32Array.of(guidanceAt(this.options, guidedAt)));
  }

  /** Writes the labels of a batch, `i32[B]`. */
  setLabels(labels: Int32Array<ArrayBuffer>): void {
    const none = new Int32Array(labels.length).fill(this.model.config.model.num_classes);
    this.#labels.write(this.#passes === 1 ? labels : Int32Array.of(...labels, ...none));
  }

  /** The velocity at `z`; for the body of a recording. */
  evaluate(z: Tensor, { t, guidance }: Moment): Evaluated {
    const { model } = this;
    const forward = (images: Tensor, times: Tensor, labels: Tensor) => {
      const output = model.forward(images, times, labels);
      return { output, velocity: model.objective.velocity(output.out, images, times) };
    };
    if (this.#passes === 1) {
      const { output, velocity } = forward(z, t, this.#labels);
      return { velocity, outputs: [output] };
    }
    if (!model.couplesBatch) {
      const { output, velocity } = forward(concat([z, z], 0), t, this.#labels); // f32[2B, C, H, W]
      const [conditional, unconditional] = split(velocity, 0, 2);
      return { velocity: interpolate(guidance, conditional, unconditional), outputs: [output] };
    }
    const [times, labels] = [split(t, 0, 2), split(this.#labels, 0, 2)];
    const passes = [0, 1].map((pass) => forward(z, times[pass], labels[pass]));
    const [conditional, unconditional] = passes.map((pass) => pass.velocity);
    return {
      velocity: interpolate(guidance, conditional, unconditional),
      outputs: passes.map(({ output }) => output),
    };
  }

  /** Releases the inputs. */
  [Symbol.dispose](): void {
    const inputs = this.#moments.flatMap(({ t, guidance }) => [t, guidance]);
    for (const tensor of [this.#labels, ...inputs]) this.device.release(tensor);
  }
}
