import { join } from "@std/path";
import { CheckpointError, DataError } from "../../engine/core/errors.ts";
import { type LatentIndex, readLatentIndex, readShard } from "./latent_index.ts";

/** Shards that are held open at once; systems allow about a thousand files. */
const MOST_OPEN = 64;

interface Shard {
  readonly path: string;
  /** Position of its first image in the data set. */
  readonly first: number;
  /** Byte at which its latents begin. */
  readonly offset: number;
}

/**
 * Labelled latents in the files that `deno task encode` wrote, for training in latent space. Only labels are in
 * memory; each latent is read when it is drawn.
 */
export class LatentDataset implements Disposable {
  /** For each class, the positions of its images; never empty. */
  readonly imagesOfClass: readonly Int32Array<ArrayBuffer>[];
  readonly #open = new Map<string, Deno.FsFile>();

  private constructor(
    /** The folder. */
    readonly location: string,
    /** What the folder says of itself. */
    readonly index: LatentIndex,
    /** SHA-256 of the index, which names every shard's: two data sets with one digest train alike. */
    readonly digest: string,
    private readonly shards: readonly Shard[],
    labels: Int32Array,
  ) {
    const positions = index.class_names.map((): number[] => []);
    labels.forEach((label, position) => positions[label].push(position));
    this.imagesOfClass = positions.map((own) => Int32Array.from(own));
  }

  /**
   * Opens a folder of latents; every shard's header and labels are read.
   *
   * @throws {DataError} when the index is missing or broken, or its classes are not those of the shards
   * @throws {CheckpointError} when a shard is missing or broken
   */
  static async open(folder: string): Promise<LatentDataset> {
    const index = await readLatentIndex(folder);
    const shards: Shard[] = [];
    const labels = new Int32Array(index.count);
    let first = 0;
    for (const { file, count } of index.shards) {
      const path = join(folder, file);
      const content = await readShard(path, index.latent);
      if (content.labels.length !== count) {
        throw new DataError(
          `Cannot use "${path}": the index wants ${count} images, got ${content.labels.length}`,
        );
      }
      labels.set(content.labels, first);
      shards.push({ path, first, offset: content.offset });
      first += count;
    }
    requireCounts(folder, index, labels);
    const bytes = new TextEncoder().encode(JSON.stringify(index));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    return new LatentDataset(folder, index, digest, shards, labels);
  }

  /** Short name: that of the images. */
  get name(): string {
    return this.index.name;
  }

  /** One line on what may be done with the images. */
  get licence(): string {
    return "not stated";
  }

  /** Names of the labels 0, 1, ... */
  get classNames(): readonly string[] {
    return this.index.class_names;
  }

  /** Side of a latent. */
  get imageSize(): number {
    return this.index.latent[1];
  }

  /** Channels of a latent. */
  get channels(): number {
    return this.index.latent[0];
  }

  /** Number of images. */
  get count(): number {
    return this.index.count;
  }

  /**
   * Samples the latent of an image: `(mean + exp(logvar / 2) noise)` times the scaling factor.
   *
   * @param position of the image
   * @param mirrored whether the image was mirrored before it was encoded
   * @param noise standard normal, `f32[C, S, S]`
   * @param out `f32[C, S, S]`
   * @throws {CheckpointError} when the shard can no longer be read
   */
  sample(position: number, mirrored: boolean, noise: Float32Array, out: Float32Array): void {
    const moments = this.#read(position, mirrored);
    const { scaling_factor: factor } = this.index;
    for (let i = 0; i < out.length; i++) {
      out[i] = (moments[i] + Math.exp(moments[out.length + i] / 2) * noise[i]) * factor;
    }
  }

  /** Mean and log-variance of an image, `f32[2C, S, S]`. */
  #read(position: number, mirrored: boolean): Float32Array {
    const shard = this.shards[this.#shardOf(position)];
    const moments = new Float32Array(2 * this.channels * this.imageSize ** 2);
    const record = 2 * (position - shard.first) + (mirrored ? 1 : 0);
    const bytes = new Uint8Array(moments.buffer);
    try {
      const file = this.#file(shard.path);
      file.seekSync(shard.offset + record * bytes.length, Deno.SeekMode.Start);
      for (let filled = 0; filled < bytes.length;) {
        const count = file.readSync(bytes.subarray(filled));
        if (count === null) throw new Error("the file was cut");
        filled += count;
      }
    } catch (error) {
      throw new CheckpointError(`Cannot read latents of ${shard.path}: ${(error as Error).message}`);
    }
    return moments;
  }

  /** The last shard that begins at or before a position, by bisection. */
  #shardOf(position: number): number {
    let [low, high] = [0, this.shards.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.shards[middle].first <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #file(path: string): Deno.FsFile {
    const file = this.#open.get(path) ?? Deno.openSync(path);
    // The map's order is that of the last uses.
    this.#open.delete(path);
    this.#open.set(path, file);
    if (this.#open.size > MOST_OPEN) {
      const [[oldest, handle]] = this.#open;
      this.#open.delete(oldest);
      handle.close();
    }
    return file;
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }
}

function requireCounts(folder: string, { class_counts }: LatentIndex, labels: Int32Array): void {
  const counts = new Array<number>(class_counts.length).fill(0);
  for (const label of labels) {
    if (label in counts) counts[label]++;
  }
  const wrong = class_counts.findIndex((count, label) => counts[label] !== count);
  if (wrong < 0) return;
  throw new DataError(
    `Cannot use the latents of "${folder}": the index wants ${
      class_counts[wrong]
    } images of class ${wrong}, ` +
      `got ${counts[wrong]}`,
  );
}
