import { Philox } from "../../engine/core/random.ts";
import type { Device } from "../../engine/device/device.ts";
import type { DiffusionModel } from "../../models/model.ts";
import { sizeOf } from "../../engine/core/shape.ts";
import { createSampler, type SamplerOptions } from "../sampler.ts";
import { labelOf, type LabelRule } from "./labels.ts";
import type { BatchProgress, ImageStream } from "./image_stream.ts";

/** Stream of the generator that starting noise comes from. */
const NOISE_STREAM = 3;

/** What makes images of latents. */
export interface LatentDecoder extends Disposable {
  /** Channels, height and width of a latent. */
  readonly latentShape: readonly number[];
  /** Channels, height and width of an image. */
  readonly imageShape: readonly number[];
  /** Latents that are decoded together. */
  readonly batch: number;
  /** Scaled latents, `f32[n, C, h, w]`, to images, `f32[n, 3, H, W]`, about [-1, 1]. */
  decode(latents: Float32Array): Promise<Float32Array>;
}

/** Which images are sampled, and how. */
export interface SampledImagesOptions
  extends Pick<SamplerOptions, "steps" | "method" | "guidance" | "interval"> {
  /** Images in all. */
  readonly count: number;
  /** Images that are sampled together. */
  readonly batch: number;
  /** Seed of noise and of random labels. */
  readonly seed: number;
  /** How classes are shared out. */
  readonly labels: LabelRule;
  /** For a model of latents. */
  readonly decoder?: LatentDecoder;
}

/**
 * Images that a model samples. Noise and label of image i depend on the seed and i alone; a last batch that is not full
 * is filled up with images that would come next, which are not given out.
 *
 * @throws {ConfigError} when an option is out of range
 */
export async function sampleImages(
  device: Device,
  model: DiffusionModel,
  options: SampledImagesOptions,
): Promise<ImageStream> {
  const { count, batch, seed, labels, decoder, steps } = options;
  const { num_classes: classes, in_channels: channels, input_size: side } = model.config.model;
  const size = channels * side * side;
  const sampler = await createSampler(device, model, options);
  const [, height, width] = decoder?.imageShape ?? [channels, side, side];
  return {
    ...{ count, height, width },
    format: "f32 as the network gives it, about [-1, 1], not rounded to bytes",
    async read(from, to, onProgress) {
      const noise = new Float32Array(batch * size);
      const own = Int32Array.from(
        { length: batch },
        (_, i) => labelOf(labels, from + i, count, classes, seed),
      );
      for (let i = 0; i < batch; i++) {
        noise.set(new Philox(seed, NOISE_STREAM, from + i).normals(size), i * size);
      }
      const sampled = await sampler.sample({
        noise,
        labels: own,
        onStep: (_done, _state, t) =>
          onProgress?.({ text: `step ${Math.round(t * steps)}/${steps}`, part: decoder ? t / 2 : t }),
      });
      const images = sampled.images.subarray(0, (to - from) * size);
      return decoder ? await decodeAll(decoder, images, onProgress) : images;
    },
    [Symbol.dispose]: () => sampler[Symbol.dispose](),
  };
}

/** Decodes as many at a time as the decoder does anyway, so that its progress can be told. */
async function decodeAll(
  decoder: LatentDecoder,
  latents: Float32Array,
  onProgress?: (progress: BatchProgress) => void,
): Promise<Float32Array> {
  const [size, pixels] = [sizeOf(decoder.latentShape), sizeOf(decoder.imageShape)];
  const count = latents.length / size;
  const images = new Float32Array(count * pixels);
  for (let done = 0; done < count; done += decoder.batch) {
    onProgress?.({ text: `decoded ${done}/${count}`, part: (1 + done / count) / 2 });
    images.set(
      await decoder.decode(latents.subarray(done * size, (done + decoder.batch) * size)),
      done * pixels,
    );
  }
  return images;
}
