import { DataError } from "../../engine/core/errors.ts";
import { Philox, type Seed } from "../../engine/core/random.ts";

/** Labelled images; what `openDataset()` of `train` gives fits. */
export interface ClassifierData {
  /** Pixels, `u8[N, 3, S, S]`. */
  readonly images: Uint8Array;
  /** `i32[N]`, numbers of classes. */
  readonly labels: Int32Array;
  /** One name a class. */
  readonly classNames: readonly string[];
  /** Side in pixels, S. */
  readonly imageSize: number;
  /** SHA-256 of images and labels. */
  readonly digest: string;
}

/** Positions of images. */
export interface DataSplit {
  /** For each class, the images that are trained on. */
  readonly training: readonly Uint32Array[];
  /** All others. */
  readonly heldOut: Uint32Array;
}

/** Part of each class that is held out. */
const HELD_OUT = 0.15;

/** Streams of the random generator; the numbers of `DataSplit` and of batches. */
const STREAM = { split: 1, batch: 2 } as const;

/** Random words of an image of a batch: which one, whether it is mirrored, shift down, shift right. */
const WORDS = 4;

/** Shift of an image at most, as part of its side. */
const SHIFT = 1 / 16;

/**
 * Holds out 15% of every class, rounded down, but at least one image.
 *
 * @throws {DataError} when a class has fewer than two images, or a label is no class
 */
export function splitData({ labels, classNames }: ClassifierData, seed: Seed): DataSplit {
  const positions = classNames.map((): number[] => []);
  labels.forEach((label, i) => {
    if (positions[label] === undefined) {
      throw new DataError(
        `Cannot train a classifier: label ${label} of image ${i} is not below ${classNames.length}`,
      );
    }
    positions[label].push(i);
  });
  const heldOut: number[] = [];
  const training = positions.map((own, label) => {
    if (own.length < 2) {
      throw new DataError(
        `Cannot train a classifier: class "${classNames[label]}" has ${own.length} images, at least 2 wanted`,
      );
    }
    const order = new Philox(seed, STREAM.split, label).permutation(own.length);
    const held = Math.max(1, Math.floor(HELD_OUT * own.length));
    heldOut.push(...Array.from(order.subarray(0, held), (i) => own[i]));
    return Uint32Array.from(order.subarray(held), (i) => own[i]);
  });
  return { training, heldOut: Uint32Array.from(heldOut) };
}

/** A batch: what a training step is given. */
export interface ClassifierBatch {
  /** Pixels of 0 to 255, `f32[B, 3, S, S]`. */
  readonly pixels: Float32Array<ArrayBuffer>;
  /** `i32[B]` */
  readonly labels: Int32Array<ArrayBuffer>;
}

/**
 * Draws the batch of a step: classes in turn, so that each is seen equally often, images of a class at random with
 * replacement, half of them mirrored, shifted by up to a sixteenth of their side with their edges repeated.
 */
export function drawBatch(
  { images, imageSize }: ClassifierData,
  { training }: DataSplit,
  { seed, step, batch }: { readonly seed: Seed; readonly step: number; readonly batch: number },
): ClassifierBatch {
  const words = new Philox(seed, STREAM.batch, step).uniforms(batch * WORDS);
  const size = 3 * imageSize * imageSize;
  const most = Math.floor(SHIFT * imageSize);
  const pixels = new Float32Array(batch * size);
  const labels = Int32Array.from({ length: batch }, (_, i) => (step * batch + i) % training.length);
  labels.forEach((label, i) => {
    const [which, mirror, down, right] = words.subarray(i * WORDS, (i + 1) * WORDS);
    const position = training[label][Math.floor(which * training[label].length)];
    const shift = (word: number) => Math.floor(word * (2 * most + 1)) - most;
    const placing = { mirrored: mirror < 0.5, down: shift(down), right: shift(right) };
    place(
      images.subarray(position * size, (position + 1) * size),
      pixels.subarray(i * size),
      imageSize,
      placing,
    );
  });
  return { pixels, labels };
}

interface Placing {
  readonly mirrored: boolean;
  readonly down: number;
  readonly right: number;
}

function place(
  image: Uint8Array,
  out: Float32Array,
  side: number,
  { mirrored, down, right }: Placing,
): void {
  const inside = (i: number) => Math.min(side - 1, Math.max(0, i));
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < side; y++) {
      const row = (channel * side + inside(y - down)) * side;
      const to = (channel * side + y) * side;
      for (let x = 0; x < side; x++) {
        const from = inside(x - right);
        out[to + x] = image[row + (mirrored ? side - 1 - from : from)];
      }
    }
  }
}

/** Pixels of some images, `u8[n, 3, S, S]`. */
export function pixelsAt({ images, imageSize }: ClassifierData, positions: Uint32Array): Uint8Array {
  const size = 3 * imageSize * imageSize;
  const pixels = new Uint8Array(positions.length * size);
  positions.forEach((position, i) => {
    pixels.set(images.subarray(position * size, (position + 1) * size), i * size);
  });
  return pixels;
}
