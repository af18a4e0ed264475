import { ConfigError } from "../../engine/core/errors.ts";
import type { Parameter } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";

/** How a velocity field is integrated from noise (t = 0) to data (t = 1). */
export type SamplerMethod = "euler" | "heun" | "dopri5";

/** Names that `--sampler` takes. */
export const SAMPLER_METHODS: readonly SamplerMethod[] = ["euler", "heun", "dopri5"];

/** Times that guidance is on, both ends excluded; a start of 0 includes time 0 (reference behaviour 43). */
export type GuidanceInterval = readonly [start: number, end: number];

/** Options of a sampler. */
export interface SamplerOptions {
  /** Images of one batch. */
  readonly batch: number;
  /** Steps from noise to image; `dopri5` chooses its own. */
  readonly steps: number;
  /** How the path is integrated. */
  readonly method: SamplerMethod;
  /** Classifier-free guidance scale; 1 runs the conditional pass alone. */
  readonly guidance: number;
  /** When guidance is on; always where absent. */
  readonly interval?: GuidanceInterval;
  /** Weights to sample from in place of the parameters' own values: the average. */
  readonly weights?: ReadonlyMap<Parameter, Tensor>;
  /** Whether to measure how differently the two passes of guidance are routed; not with `dopri5`. */
  readonly divergence?: boolean;
  /** Largest error of a step of `dopri5` relative to the values; 1e-3 unless given. */
  readonly rtol?: number;
  /** What may be added to that error whatever the values are; 1e-6 unless given. */
  readonly atol?: number;
}

/** A batch to sample. */
export interface SampleRequest {
  /** `i32[B]`. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** Start of the path, standard normal, `f32[B, C, H, W]`. */
  readonly noise: Float32Array<ArrayBuffer>;
  /**
   * Called after each step with the number of finished steps; `state` reads the present images, `t` is their time.
   */
  readonly onStep?: (done: number, state: () => Promise<Float32Array>, t: number) => Promise<void> | void;
}

/** Routing divergence of one sampler step. */
export interface StepDivergence {
  /** Time at the start of the step. */
  readonly t: number;
  /** `1 - |A and B| / k` of each layer, mean over tokens: 0 where both passes choose the same experts. */
  readonly layers: readonly number[];
}

/** How differently the conditional and the unconditional pass were routed. */
export interface RoutingDivergence {
  /** Paths of the layers. */
  readonly layers: readonly string[];
  /** In the order of the steps. */
  readonly steps: readonly StepDivergence[];
}

/** What a sampler made of a batch. */
export interface Samples {
  /** Pixels, `f32[B, C, H, W]`. */
  readonly images: Float32Array;
  /** Evaluations of the velocity; each runs the network once, or twice with guidance. */
  readonly evaluations: number;
  /** Where it was asked for. */
  readonly divergence?: RoutingDivergence;
}

/** Makes images from noise. */
export interface Sampler extends Disposable {
  /** Samples one batch. */
  sample(request: SampleRequest): Promise<Samples>;
}

/**
 * The guidance scale at a time.
 *
 * @param t 0 being noise
 */
export function guidanceAt(
  { guidance, interval: [start, end] = [0, Infinity] }: SamplerOptions,
  t: number,
): number {
  return t < end && (start === 0 || t > start) ? guidance : 1;
}

/** @throws {ConfigError} naming the option, its value and what is wanted */
export function checkOptions(options: SamplerOptions): void {
  const { batch, steps, method, guidance, interval, divergence } = options;
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
  if (interval && !(interval[0] >= 0 && interval[0] < interval[1])) {
    throw new ConfigError(
      `Cannot guide from ${interval[0]} to ${interval[1]}: wanted a start of at least 0 and a later end`,
    );
  }
  if (divergence && method === "dopri5") {
    throw new ConfigError("Cannot measure routing divergence with dopri5: wanted euler or heun");
  }
  for (const name of ["rtol", "atol"] as const) {
    const value = options[name] ?? 1;
    if (!(value > 0)) throw new ConfigError(`Cannot sample with ${name} ${value}: wanted more than 0`);
  }
}
