import { ConfigError } from "../engine/core/errors.ts";
import { f32, i32 } from "../engine/core/spec.ts";
import type { Device } from "../engine/device/device.ts";
import type { Parameter } from "../engine/params/param_store.ts";
import type { Program } from "../engine/program/program.ts";
import type { Tensor } from "../engine/tensor.ts";
import { assign } from "../kernels/assign/mod.ts";
import { add, interpolate, scale } from "../kernels/elementwise/mod.ts";
import { concat, split } from "../kernels/split/mod.ts";
import type { DiffusionModel } from "../models/model.ts";

/** How a velocity field is integrated from noise (t = 0) to data (t = 1). */
export type SamplerMethod = "euler" | "heun";

/** Names that `--sampler` takes. */
export const SAMPLER_METHODS: readonly SamplerMethod[] = ["euler", "heun"];

/** Options of a sampler. */
export interface SamplerOptions {
  /** Images of one batch. */
  readonly batch: number;
  /** Steps from noise to image. */
  readonly steps: number;
  /** How the path is integrated. */
  readonly method: SamplerMethod;
  /** Classifier-free guidance scale; 1 runs the conditional pass alone. */
  readonly guidance: number;
  /** Weights to sample from in place of the parameters' own values: the average. */
  readonly weights?: ReadonlyMap<Parameter, Tensor>;
}

/** A batch to sample. */
export interface SampleRequest {
  /** `i32[B]`. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** Start of the path, standard normal, `f32[B, C, H, W]`. */
  readonly noise: Float32Array<ArrayBuffer>;
  /** Called after each step with the number of finished steps; `state` reads the present images. */
  readonly onStep?: (done: number, state: () => Promise<Float32Array>) => Promise<void> | void;
}

/**
 * Integrates `dz/dt = v(z, t)` in equal steps (reference behaviour 41): Euler, or Heun, whose every step averages the
 * velocities at both ends. One recorded program is one step; conditional and unconditional pass share a batch.
 */
export class RectifiedFlowSampler implements Disposable {
  readonly #z: Tensor;
  readonly #times: readonly [Tensor, Tensor];
  readonly #labels: Tensor;
  readonly #guidance: Tensor;
  #program: Program | undefined;

  private constructor(
    private readonly device: Device,
    private readonly model: DiffusionModel,
    private readonly options: SamplerOptions,
  ) {
    const { in_channels: channels, input_size: size } = model.config.model;
    const rows = options.batch * this.#passes;
    this.#z = device.persistent(f32(options.batch, channels, size, size));
    this.#times = [device.persistent(f32(rows)), device.persistent(f32(rows))];
    this.#labels = device.persistent(i32(rows));
    this.#guidance = device.persistent(f32(1), Float32Array.of(options.guidance));
  }

  /**
   * Records the step.
   *
   * @throws {ConfigError} when an option is out of range
   */
  static async create(
    device: Device,
    model: DiffusionModel,
    options: SamplerOptions,
  ): Promise<RectifiedFlowSampler> {
    checkOptions(options);
    const sampler = new RectifiedFlowSampler(device, model, options);
    const record = () => device.record(`${options.method} step`, () => sampler.#step());
    sampler.#program = await (options.weights ? model.params.substitute(options.weights, record) : record());
    return sampler;
  }

  get #passes(): number {
    return this.options.guidance === 1 ? 1 : 2;
  }

  /**
   * Samples one batch.
   *
   * @returns pixels, `f32[B, C, H, W]`
   */
  async sample({ labels, noise, onStep }: SampleRequest): Promise<Float32Array> {
    const { steps, batch } = this.options;
    const none = new Int32Array(batch).fill(this.model.config.model.num_classes);
    this.#labels.write(this.#passes === 1 ? labels : Int32Array.of(...labels, ...none));
    this.#z.write(noise);
    const state = async () => await this.#z.read() as Float32Array;
    for (let i = 0; i < steps; i++) {
      this.#times.forEach((times, end) => times.write(new Float32Array(times.size).fill((i + end) / steps)));
      this.#program!.run();
      await onStep?.(i + 1, state);
    }
    return await state();
  }

  #step(): Record<string, Tensor> {
    const { method, steps } = this.options;
    const [start, end] = this.#times;
    const first = this.#velocity(this.#z, start);
    const euler = add(this.#z, scale(first, 1 / steps));
    if (method === "euler") {
      assign(this.#z, euler);
    } else {
      const slope = add(first, this.#velocity(euler, end));
      assign(this.#z, add(this.#z, scale(slope, 0.5 / steps)));
    }
    return {};
  }

  /** `v_null + guidance * (v_cond - v_null)`, or the conditional velocity alone. */
  #velocity(z: Tensor, t: Tensor): Tensor {
    const both = this.#passes === 1 ? z : concat([z, z], 0); // f32[B or 2B, C, H, W]
    const { out } = this.model.forward(both, t, this.#labels);
    const velocity = this.model.objective.velocity(out, both, t);
    if (this.#passes === 1) return velocity;
    const [conditional, unconditional] = split(velocity, 0, 2);
    return interpolate(this.#guidance, conditional, unconditional);
  }

  /** Releases the recorded program and its state. */
  [Symbol.dispose](): void {
    this.#program?.[Symbol.dispose]();
    for (const tensor of [this.#z, ...this.#times, this.#labels, this.#guidance]) this.device.release(tensor);
  }
}

function checkOptions({ batch, steps, method, guidance }: SamplerOptions): void {
  if (!SAMPLER_METHODS.includes(method)) {
    throw new ConfigError(`Cannot sample with "${method}": wanted one of ${SAMPLER_METHODS.join(", ")}`);
  }
  if (!Number.isInteger(steps) || steps < 1 || !Number.isInteger(batch) || batch < 1) {
    throw new ConfigError(
      `Cannot sample ${batch} images in ${steps} steps: both must be whole numbers of at least 1`,
    );
  }
  if (!Number.isFinite(guidance) || guidance < 0) {
    throw new ConfigError(`Cannot sample with guidance ${guidance}: wanted a number of at least 0`);
  }
}
