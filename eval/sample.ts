import { ConfigError } from "../engine/core/errors.ts";
import { Philox } from "../engine/core/random.ts";
import type { Device } from "../engine/device/device.ts";
import type { Parameter } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import { type AutoencoderKL, downsamplingOf, LatentCodec } from "../models/autoencoder_kl/mod.ts";
import type { DiffusionModel } from "../models/model.ts";
import { imageGrid } from "./image_grid.ts";
import { createSampler, type GuidanceInterval, type SamplerMethod, type Samples } from "./sampler.ts";

/** Stream of the generator that starting noise comes from. */
export const NOISE_STREAM = 3;

/** Most images of one batch; a larger request is cut. */
const BATCH = 32;

/** What to sample. */
export interface ClassSampleOptions {
  /** Labels to sample, one row of the grid each. */
  readonly classes: readonly number[];
  /** Images of each class. */
  readonly perClass: number;
  /** Steps from noise to image; `dopri5` chooses its own. */
  readonly steps: number;
  /** How the path is integrated. */
  readonly method: SamplerMethod;
  /** Classifier-free guidance scale; 1 is none. */
  readonly guidance: number;
  /** Times that guidance is on; always where absent. */
  readonly interval?: GuidanceInterval;
  /** Whether to measure how differently the two passes of guidance are routed; not with `dopri5`. */
  readonly divergence?: boolean;
  /** Seed of the starting noise. */
  readonly seed: number;
  /** Weights in place of the model's own. */
  readonly weights?: ReadonlyMap<Parameter, Tensor>;
  /** Called with finished and total sampler steps; those of `dopri5` are counted by their times. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Called with every batch: evaluations of the velocity, routing divergence. */
  readonly onBatch?: (samples: Samples) => void;
}

/**
 * Samples some images of each class. Image i of a request starts from the same noise whatever the batching.
 *
 * @returns pixels, `f32[classes * perClass, C, H, W]`, class by class
 * @throws {ConfigError} when a class does not exist or an option is out of range
 */
export async function sampleClasses(
  device: Device,
  model: DiffusionModel,
  options: ClassSampleOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const { num_classes: classes, in_channels: channels, input_size: size } = model.config.model;
  for (const label of options.classes) {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new ConfigError(`Cannot sample class ${label}: wanted whole numbers from 0 to ${classes - 1}`);
    }
  }
  const labels = options.classes.flatMap((label) => new Array<number>(options.perClass).fill(label));
  const pixels = channels * size * size;
  const random = new Philox(options.seed, NOISE_STREAM);
  const batch = Math.min(BATCH, labels.length);
  using sampler = await createSampler(device, model, { ...options, batch });
  const images = new Float32Array(labels.length * pixels);
  const batches = Math.ceil(labels.length / batch);
  for (let b = 0; b < batches; b++) {
    // The last batch starts early enough to be full; images sampled twice are equal.
    const from = Math.min(b * batch, labels.length - batch);
    const samples = await sampler.sample({
      labels: Int32Array.from(labels.slice(from, from + batch)),
      noise: random.normals(batch * pixels, from * pixels),
      onStep: (_done, _state, t) =>
        options.onProgress?.(Math.round((b + t) * options.steps), batches * options.steps),
    });
    images.set(samples.images, from * pixels);
    options.onBatch?.(samples);
  }
  return images;
}

/**
 * Decodes sampled latents into images, one at a time, so that memory does not grow with their number.
 *
 * @param latents as `sampleClasses()` gives them, `f32[n, L, size, size]`
 * @param onImage called with finished and total images
 * @returns images, `f32[n, 3, S, S]`, about [-1, 1], and their side S
 */
export async function decodeSamples(
  device: Device,
  vae: AutoencoderKL,
  latents: Float32Array,
  size: number,
  onImage?: (done: number, total: number) => void,
): Promise<{ readonly images: Float32Array<ArrayBuffer>; readonly size: number }> {
  const side = size * downsamplingOf(vae.config);
  using codec = await LatentCodec.create(device, vae, { batch: 1, height: side, width: side });
  const images = await codec.decode(latents, onImage);
  return { images, size: side };
}

/** Draws sampled colour images as a PNG grid, one row a class. */
export function classGrid(
  images: Float32Array,
  imageSize: number,
  rowLabels: readonly string[],
  caption: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const columns = images.length / (3 * imageSize * imageSize) / rowLabels.length;
  return imageGrid(images, { imageSize, rows: rowLabels.length, columns, rowLabels, caption });
}
