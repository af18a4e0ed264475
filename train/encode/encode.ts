/**
 * Latents of a folder of images in files: what an autoencoder makes of every image, once for all steps of a training.
 *
 * @module
 */
import { join } from "@std/path";
import { sha256OfFile } from "../../engine/checkpoint/file_digest.ts";
import { writeSafetensors } from "../../engine/checkpoint/safetensors.ts";
import { ConfigError, DataError } from "../../engine/core/errors.ts";
import { f32, i32 } from "../../engine/core/spec.ts";
import { decodeFile } from "../dataset/decode.ts";
import {
  LATENT_FORMAT,
  type LatentIndex,
  type LatentShard,
  readShard,
  shardName,
  writeLatentIndex,
} from "../dataset/latent_index.ts";
import { type ImageFile, type ImageSource, sourceDigest } from "../dataset/source.ts";

/** What makes moments of images. */
export interface LatentEncoder {
  /** Name of the weights file, for the index. */
  readonly file: string;
  /** SHA-256 of the weights file. */
  readonly sha256: string;
  /** What a sampled latent is multiplied by. */
  readonly scalingFactor: number;
  /** Channels, height and width of a latent. */
  readonly latent: readonly [channels: number, height: number, width: number];
  /** Mean and log-variance, `f32[n, C, h, w]` each, of images `f32[n, 3, S, S]` in [-1, 1]. */
  encode(images: Float32Array): Promise<{ readonly mean: Float32Array; readonly logvar: Float32Array }>;
}

/** How images are encoded. */
export interface EncodeOptions {
  /** The images. */
  readonly source: ImageSource;
  /** The autoencoder. */
  readonly encoder: LatentEncoder;
  /** Folder of the shards; made if it is not there. */
  readonly out: string;
  /** Side of the images before encoding. */
  readonly size: number;
  /** Image files of a shard; the last one may have fewer. */
  readonly shard: number;
  /** Images that are encoded together. */
  readonly batch: number;
  /** Called with finished and all image files, and how many of them this run encoded. */
  readonly onProgress?: (done: number, total: number, encoded: number) => void;
  /** Given what is wrong with each file that is left out. */
  readonly onBroken?: (problem: string) => void;
}

/** One image that waits for its batch to fill. */
interface DecodedFile {
  /** u8[3, S, S] */
  readonly planes: Uint8Array;
  readonly label: number;
}

/** A share of broken files that is no accident: the folder is refused. */
const MOST_BROKEN = 0.1;

/**
 * Encodes every image, as it is and mirrored, into shards. A shard is written whole or not at all, and one that is there
 * is kept, so that a run that was stopped goes on where it was; the index is written last.
 *
 * @throws {ConfigError} when the folder holds latents made otherwise
 * @throws {DataError} when an image cannot be read, more than a tenth are broken, or a class keeps none
 * @throws {CheckpointError} when a shard is broken or cannot be written
 */
export async function encodeImages(options: EncodeOptions): Promise<LatentIndex> {
  const { source, out, shard } = options;
  const { files } = source;
  const settings = await settingsOf(options);
  const [shards, counts]: [LatentShard[], number[]] = [[], source.classNames.map(() => 0)];
  let encoded = 0;
  await Deno.mkdir(out, { recursive: true });
  for (let first = 0; first < files.length; first += shard) {
    const path = join(out, shardName(first / shard));
    const own = files.slice(first, first + shard);
    if (!await exists(path)) {
      await writeShard(path, own, settings, options, (done) => {
        options.onProgress?.(first + done, files.length, ++encoded);
      });
    }
    const { labels, metadata } = await readShard(path, options.encoder.latent);
    requireSame(out, settings, metadata.settings);
    for (const label of labels) counts[label]++;
    shards.push({ file: shardName(first / shard), count: labels.length, sha256: await sha256OfFile(path) });
    options.onProgress?.(first + own.length, files.length, encoded);
  }
  const index = indexOf(options, await sourceDigest(source), counts, shards);
  requireEnough(source, index);
  await writeLatentIndex(out, index);
  return index;
}

/** What decides the content of a shard; every shard says it. */
async function settingsOf({ source, encoder, size, shard }: EncodeOptions): Promise<Record<string, string>> {
  return {
    "the images": await sourceDigest(source),
    "--vae": encoder.sha256,
    "--size": String(size),
    "--shard": String(shard),
  };
}

/** @throws {ConfigError} naming the first setting that differs */
function requireSame(out: string, wanted: Readonly<Record<string, string>>, found = "{}"): void {
  const own: Record<string, string> = JSON.parse(found);
  for (const [name, value] of Object.entries(wanted)) {
    if (own[name] === value) continue;
    throw new ConfigError(
      `Cannot continue the latents of ${out} with another setting: ${name} is ${value}, the shards there have ` +
        `${own[name] ?? "none"}; choose another --out or add --restart`,
    );
  }
}

async function writeShard(
  path: string,
  files: readonly ImageFile[],
  settings: Readonly<Record<string, string>>,
  { encoder, size, batch, onBroken }: EncodeOptions,
  onImage: (done: number) => void,
): Promise<void> {
  const [channels, height, width] = encoder.latent;
  const record = 4 * channels * height * width;
  const moments = new Float32Array(files.length * record);
  const labels: number[] = [];
  let waiting: DecodedFile[] = [];
  const flush = async () => {
    const parts = await encodeBoth(encoder, waiting, size);
    parts.forEach((part, i) => moments.set(part, (labels.length + i) * record));
    labels.push(...waiting.map(({ label }) => label));
    waiting = [];
  };
  for (const [i, file] of files.entries()) {
    const planes = await decodeFile(file, size);
    if (planes instanceof DataError) onBroken?.(planes.message);
    else waiting.push({ planes, label: file.label });
    if (waiting.length === batch || (i === files.length - 1 && waiting.length > 0)) await flush();
    onImage(i + 1);
  }
  const count = labels.length;
  if (count === 0) {
    throw new DataError(`Cannot encode ${files[0].path} and what follows: every PNG file is broken`);
  }
  await writeSafetensors(path, [
    {
      name: "moments",
      spec: f32(count, 2, 2 * channels, height, width),
      data: moments.subarray(0, count * record),
    },
    { name: "labels", spec: i32(count), data: Int32Array.from(labels) },
  ], { format: LATENT_FORMAT, settings: JSON.stringify(settings) });
}

/** The moments of some images, each `f32[2, 2C, h, w]`: as it is, then mirrored; mean, then log-variance. */
async function encodeBoth(
  encoder: LatentEncoder,
  images: readonly DecodedFile[],
  size: number,
): Promise<Float32Array[]> {
  const both = [
    await encoder.encode(pixelsOf(images, size, false)),
    await encoder.encode(pixelsOf(images, size, true)),
  ];
  const length = both[0].mean.length / images.length;
  return images.map((_, i) => {
    const part = new Float32Array(4 * length);
    [both[0].mean, both[0].logvar, both[1].mean, both[1].logvar].forEach((values, k) =>
      part.set(values.subarray(i * length, (i + 1) * length), k * length)
    );
    return part;
  });
}

/** u8[3, S, S] each to f32[n, 3, S, S] in [-1, 1]. */
function pixelsOf(images: readonly DecodedFile[], size: number, mirrored: boolean): Float32Array {
  const length = 3 * size * size;
  const pixels = new Float32Array(images.length * length);
  images.forEach(({ planes }, i) => {
    for (let k = 0; k < length; k++) {
      const column = k % size;
      const from = mirrored ? k - column + (size - 1 - column) : k;
      pixels[i * length + k] = planes[from] / 127.5 - 1;
    }
  });
  return pixels;
}

function indexOf(
  { source, encoder, size }: EncodeOptions,
  digest: string,
  counts: readonly number[],
  shards: readonly LatentShard[],
): LatentIndex {
  const count = counts.reduce((sum, own) => sum + own, 0);
  return {
    format: LATENT_FORMAT,
    name: source.name,
    size,
    latent: encoder.latent,
    scaling_factor: encoder.scalingFactor,
    vae: { file: encoder.file, sha256: encoder.sha256 },
    source: digest,
    class_names: source.classNames,
    class_counts: counts,
    count,
    skipped: source.files.length - count,
    shards,
  };
}

function requireEnough({ location, classNames, files }: ImageSource, index: LatentIndex): void {
  if (index.skipped > MOST_BROKEN * files.length) {
    throw new DataError(
      `Cannot use "${location}" as data: at most ${MOST_BROKEN * 100}% of the files may be broken, ` +
        `got ${index.skipped} of ${files.length}`,
    );
  }
  const empty = index.class_counts.indexOf(0);
  if (empty < 0) return;
  throw new DataError(
    `Cannot use class "${classNames[empty]}" of "${location}": every PNG file in it is broken`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
