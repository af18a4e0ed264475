import type { Device } from "../../engine/device/device.ts";
import type { Program } from "../../engine/program/program.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { DiffusionModel } from "../../models/model.ts";
import { dopri5 } from "./dopri5.ts";
import { GuidedVelocity, type Moment } from "./guided_velocity.ts";
import type { Sampler, SampleRequest, SamplerOptions, Samples } from "./options.ts";

/** Times of a probability flow from noise to data. */
const [NOISE, DATA] = [0, 1];

/**
 * Integrates `dz/dt = v(z, t)` in steps as large as the error allows (`dopri5`). One recorded program is one velocity;
 * the steps are decided on the host, for the whole batch at once, in f64.
 */
export class AdaptiveSampler implements Sampler {
  readonly #z: Tensor;
  readonly #field: GuidedVelocity;
  readonly #moment: Moment;
  #program: Program<{ velocity: Tensor }> | undefined;

  private constructor(
    private readonly device: Device,
    private readonly model: DiffusionModel,
    private readonly options: SamplerOptions,
  ) {
    this.#field = new GuidedVelocity(device, model, options);
    this.#z = device.persistent(this.#field.images);
    this.#moment = this.#field.moment();
  }

  /** Records the velocity. */
  static async create(
    device: Device,
    model: DiffusionModel,
    options: SamplerOptions,
  ): Promise<AdaptiveSampler> {
    const sampler = new AdaptiveSampler(device, model, options);
    sampler.#program = await device.record("velocity", () => ({
      velocity: sampler.#field.evaluate(sampler.#z, sampler.#moment).velocity,
    }));
    return sampler;
  }

  /** Samples one batch. */
  async sample({ labels, noise, onStep }: SampleRequest): Promise<Samples> {
    const { rtol = 1e-3, atol = 1e-6 } = this.options;
    const { noiseScale } = this.model.objective;
    this.#field.setLabels(labels);
    let z: Float64Array = Float64Array.from(noise, (value) => value * noiseScale);
    let [evaluations, done] = [0, 0];
    for (const [from, to] of this.#pieces()) {
      const middle = (from + to) / 2;
      const solved = await dopri5(
        (t, y) => this.#velocity(t, y, middle),
        z,
        [from, to],
        { rtol, atol },
        (t, y) => onStep?.(++done, () => Promise.resolve(Float32Array.from(y)), t),
      );
      z = solved.y;
      evaluations += solved.evaluations;
    }
    return { images: Float32Array.from(z), evaluations };
  }

  /** Parts of the path with one guidance scale each: the velocity jumps between them, so that no step may cross. */
  #pieces(): [from: number, to: number][] {
    const { interval = [NOISE, DATA] } = this.options;
    const inner = interval.filter((time) => time > NOISE && time < DATA);
    const ends = [NOISE, ...inner, DATA];
    return ends.slice(1).map((to, i) => [ends[i], to]);
  }

  async #velocity(t: number, z: Float64Array, guidedAt: number): Promise<ArrayLike<number>> {
    this.#field.setMoment(this.#moment, t, guidedAt);
    this.#z.write(Float32Array.from(z));
    this.#program!.run();
    return await this.#program!.results.velocity.read();
  }

  /** Releases the recorded program and its state. */
  [Symbol.dispose](): void {
    this.#program?.[Symbol.dispose]();
    this.#field[Symbol.dispose]();
    this.device.release(this.#z);
  }
}
