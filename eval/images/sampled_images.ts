import { Philox } from "../../engine/core/random.ts";
import type { Device } from "../../engine/device/device.ts";
import type { DiffusionModel } from "../../models/model.ts";
import { NOISE_STREAM } from "../sample.ts";
import { createSampler, type SamplerOptions } from "../sampler.ts";
import { labelOf, type LabelRule } from "./labels.ts";
import type { ImageStream } from "./image_stream.ts";

/** What makes images of latents. */
export interface LatentDecoder extends Disposable {
  /** Channels, height and width of an image. */
  readonly imageShape: readonly number[];
  /** Scaled latents, `f32[n, C, h, w]`, to images, `f32[n, 3, H, W]`, about [-1, 1]; tells finished and total images. */
  decode(latents: Float32Array, onProgress?: (done: number, total: number) => void): Promise<Float32Array>;
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
      if (!decoder) return images;
      const tell = (done: number, total: number) =>
        onProgress?.({ text: `decoded ${done}/${total}`, part: (1 + done / total) / 2 });
      tell(0, to - from);
      return await decoder.decode(images, tell);
    },
    [Symbol.dispose]: () => sampler[Symbol.dispose](),
  };
}
