import { multiplyHigh, Philox, type Seed } from "../../engine/core/random.ts";
import type { ImageDataset } from "./dataset.ts";
import { LatentDataset } from "./latents.ts";

/**
 * The stream of the random generator that chooses images ("data" in ASCII); no other stream may have this
 * number.
 */
export const DATA_STREAM = 0x64617461;

/** The stream of the noise that latents are sampled with ("late" in ASCII). */
export const LATENT_STREAM = 0x6c617465;

/** What a model is trained on: images in memory, or latents in files. */
export type TrainingDataset = ImageDataset | LatentDataset;

/** Which batch to draw. */
export interface BatchOptions {
  /** The run's seed. */
  readonly seed: Seed;
  /** Number of the training step, or of the micro-batch where gradients are accumulated; below 2^32. */
  readonly step: number;
  /** B in {@linkcode Batch}. */
  readonly batchSize: number;
  /** Mirrors half of the images left to right; false unless given. */
  readonly flip?: boolean;
}

/** Images and labels of one step. */
export interface Batch {
  /** Pixels in [-1, 1], `f32[B, 3, S, S]`, or scaled latents, `f32[B, C, S, S]`. */
  readonly x: Float32Array<ArrayBuffer>;
  /** i32[B] */
  readonly y: Int32Array<ArrayBuffer>;
  /** i32[B]: positions in the data set. */
  readonly indices: Int32Array<ArrayBuffer>;
}

/** One image of a batch. */
interface Pick {
  readonly label: number;
  /** Position in the data set. */
  readonly position: number;
  readonly mirrored: boolean;
}

/** Random words spent on one image: class, position within the class, flip. */
const WORDS = 3;

/**
 * Draws a batch with replacement: the class uniformly, then an image of the class uniformly, so that a large
 * class is seen no more often than a small one. Latents are sampled anew each time, `(mean + exp(logvar / 2) noise)`
 * times the scaling factor (reference behaviour 53). A pure function of (data set, seed, step): resuming needs no
 * state.
 *
 * @throws {RangeError} when the batch size is not a positive whole number, or seed or step is out of range
 * @throws {CheckpointError} when a shard of latents can no longer be read
 */
export function sampleBatch(dataset: TrainingDataset, options: BatchOptions): Batch {
  const { seed, step, batchSize, flip = false } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`Cannot draw a batch of ${batchSize} images: a whole number of at least 1 wanted`);
  }
  const { imageSize, channels } = dataset;
  const words = new Philox(seed, DATA_STREAM, step).bits(batchSize * WORDS);
  const picks = Array.from(
    { length: batchSize },
    (_, i) => pick(dataset.imagesOfClass, words.subarray(i * WORDS, (i + 1) * WORDS), flip),
  );
  const size = channels * imageSize * imageSize;
  const x = new Float32Array(batchSize * size);
  const noise = new Philox(seed, LATENT_STREAM, step);
  picks.forEach(({ position, mirrored }, i) => {
    const out = x.subarray(i * size, (i + 1) * size);
    if (dataset instanceof LatentDataset) {
      dataset.sample(position, mirrored, noise.normals(size, i * size), out);
    } else {
      normalise(dataset.images.subarray(position * size, (position + 1) * size), out, imageSize, mirrored);
    }
  });
  return {
    x,
    y: Int32Array.from(picks, ({ label }) => label),
    indices: Int32Array.from(picks, ({ position }) => position),
  };
}

function pick(imagesOfClass: readonly Int32Array[], words: Uint32Array, flip: boolean): Pick {
  const [classWord, imageWord, flipWord] = words;
  const label = multiplyHigh(classWord, imagesOfClass.length);
  const position = imagesOfClass[label][multiplyHigh(imageWord, imagesOfClass[label].length)];
  return { label, position, mirrored: flip && flipWord >= 2 ** 31 };
}

/** u8[3, S, S] to f32[3, S, S] in [-1, 1]: 0 becomes -1 and 255 becomes 1. */
function normalise(image: Uint8Array, out: Float32Array, imageSize: number, mirrored: boolean): void {
  for (let row = 0; row < image.length; row += imageSize) {
    for (let column = 0; column < imageSize; column++) {
      const from = mirrored ? imageSize - 1 - column : column;
      out[row + column] = image[row + from] / 127.5 - 1;
    }
  }
}
