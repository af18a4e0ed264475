import { multiplyHigh, Philox, type Seed } from "../../engine/core/random.ts";
import type { ImageDataset } from "./dataset.ts";

/**
 * The stream of the random generator that chooses images ("data" in ASCII); no other stream may have this
 * number.
 */
export const DATA_STREAM = 0x64617461;

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
  /** f32[B, 3, S, S] in [-1, 1] */
  readonly x: Float32Array<ArrayBuffer>;
  /** i32[B] */
  readonly y: Int32Array<ArrayBuffer>;
  /** i32[B]: positions in the data set. */
  readonly indices: Int32Array<ArrayBuffer>;
}

/** Random words spent on one image: class, position within the class, flip. */
const WORDS = 3;

/**
 * Draws a batch with replacement: the class uniformly, then an image of the class uniformly, so that a large
 * class is seen no more often than a small one. A pure function of (data set, seed, step): resuming needs no
 * state.
 *
 * @throws {RangeError} when the batch size is not a positive whole number, or seed or step is out of range
 */
export function sampleBatch(dataset: ImageDataset, options: BatchOptions): Batch {
  const { seed, step, batchSize, flip = false } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`Cannot draw a batch of ${batchSize} images: a whole number of at least 1 wanted`);
  }
  const { imageSize, images, imagesOfClass } = dataset;
  const pixels = 3 * imageSize * imageSize;
  const words = new Philox(seed, DATA_STREAM, step).bits(batchSize * WORDS);
  const batch = {
    x: new Float32Array(batchSize * pixels),
    y: new Int32Array(batchSize),
    indices: new Int32Array(batchSize),
  };
  for (let i = 0; i < batchSize; i++) {
    const [classWord, imageWord, flipWord] = words.subarray(i * WORDS, (i + 1) * WORDS);
    const label = multiplyHigh(classWord, imagesOfClass.length);
    const position = imagesOfClass[label][multiplyHigh(imageWord, imagesOfClass[label].length)];
    batch.y[i] = label;
    batch.indices[i] = position;
    const image = images.subarray(position * pixels, (position + 1) * pixels);
    const mirrored = flip && flipWord >= 2 ** 31;
    normalise(image, batch.x.subarray(i * pixels, (i + 1) * pixels), imageSize, mirrored);
  }
  return batch;
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
