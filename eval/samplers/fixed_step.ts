import type { Device } from "../../engine/device/device.ts";
import type { Program } from "../../engine/program/program.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { assign } from "../../kernels/assign/mod.ts";
import { add, scale } from "../../kernels/elementwise/mod.ts";
import type { DiffusionModel } from "../../models/model.ts";
import { DivergenceProbe } from "./divergence.ts";
import { type Evaluated, GuidedVelocity, type Moment } from "./guided_velocity.ts";
import type { Sampler, SampleRequest, SamplerOptions, Samples } from "./options.ts";

interface RecordedStep {
  readonly program: Program;
  readonly evaluations: number;
}

/**
 * Integrates `dz/dt = v(z, t)` in equal steps: Euler, or Heun, whose every step averages the velocities at both ends.
 * Where the velocity is singular at time 1, Heun's last step is one of Euler (reference behaviours 41 and 43). One
 * recorded program is one step.
 */
export class FixedStepSampler implements Sampler {
  readonly #z: Tensor;
  readonly #field: GuidedVelocity;
  readonly #start: Moment;
  readonly #end: Moment;
  readonly #probe = new DivergenceProbe();
  #programs: readonly RecordedStep[] = [];

  private constructor(
    private readonly device: Device,
    private readonly model: DiffusionModel,
    private readonly options: SamplerOptions,
  ) {
    this.#field = new GuidedVelocity(device, model, options);
    this.#z = device.persistent(this.#field.images);
    [this.#start, this.#end] = [this.#field.moment(), this.#field.moment()];
  }

  /** Records the step, and the last one where it differs. */
  static async create(
    device: Device,
    model: DiffusionModel,
    options: SamplerOptions,
  ): Promise<FixedStepSampler> {
    const sampler = new FixedStepSampler(device, model, options);
    const heun = options.method === "heun";
    const lastDiffers = heun && model.objective.singularAtData === true;
    const kinds = lastDiffers ? [...options.steps > 1 ? [true] : [], false] : [heun];
    // All are recorded before the first wait: substituted weights are in place only until then.
    sampler.#programs = await Promise.all(kinds.map((kind) => sampler.#record(kind)));
    return sampler;
  }

  async #record(heun: boolean): Promise<RecordedStep> {
    const program = await this.device.record(`${heun ? "heun" : "euler"} step`, () => this.#step(heun));
    return { program, evaluations: heun ? 2 : 1 };
  }

  #step(heun: boolean): Record<string, Tensor> {
    const { steps } = this.options;
    const first = this.#field.evaluate(this.#z, this.#start);
    const euler = add(this.#z, scale(first.velocity, 1 / steps));
    if (heun) {
      const second = this.#field.evaluate(euler, this.#end);
      assign(this.#z, add(this.#z, scale(add(first.velocity, second.velocity), 0.5 / steps)));
    } else {
      assign(this.#z, euler);
    }
    return this.#kept(first);
  }

  #kept({ outputs }: Evaluated): Record<string, Tensor> {
    return this.options.divergence ? this.#probe.watch(outputs) : {};
  }

  /** Samples one batch. */
  async sample({ labels, noise, onStep }: SampleRequest): Promise<Samples> {
    const { steps, divergence } = this.options;
    const { noiseScale } = this.model.objective;
    this.#field.setLabels(labels);
    this.#z.write(noiseScale === 1 ? noise : noise.map((value) => value * noiseScale));
    this.#probe.clear();
    const state = async () => await this.#z.read() as Float32Array;
    let evaluated = 0;
    for (let i = 0; i < steps; i++) {
      this.#field.setMoment(this.#start, i / steps);
      this.#field.setMoment(this.#end, (i + 1) / steps);
      const { program, evaluations } = this.#programs[i === steps - 1 ? this.#programs.length - 1 : 0];
      program.run();
      evaluated += evaluations;
      if (divergence) await this.#probe.measure(i / steps, program.results);
      await onStep?.(i + 1, state, (i + 1) / steps);
    }
    const images = await state();
    return { images, evaluations: evaluated, divergence: divergence ? this.#probe.result() : undefined };
  }

  /** Releases the recorded programs and their state. */
  [Symbol.dispose](): void {
    for (const { program } of this.#programs) program[Symbol.dispose]();
    this.#field[Symbol.dispose]();
    this.device.release(this.#z);
  }
}
