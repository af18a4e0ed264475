import { join } from "@std/path";
import { CheckpointError, DataError } from "../../engine/core/errors.ts";
import { replaceFile } from "../../engine/checkpoint/atomic_file.ts";
import { openSafetensors } from "../../engine/checkpoint/safetensors.ts";

/** Name of the format of latents in an index. */
export const LATENT_FORMAT = "tessera-latents-1";

const INDEX_FILE = "index.json";

/** One file of latents. */
export interface LatentShard {
  /** Name in the folder. */
  readonly file: string;
  /** Number of images. */
  readonly count: number;
  /** SHA-256 of the file. */
  readonly sha256: string;
}

/** `index.json`: what a folder of latents holds, and what it was made from. */
export interface LatentIndex {
  /** Always {@linkcode LATENT_FORMAT}. */
  readonly format: string;
  /** Name of the folder of images. */
  readonly name: string;
  /** Side of the images before encoding, in pixels. */
  readonly size: number;
  /** Channels, height and width of a latent. */
  readonly latent: readonly [channels: number, height: number, width: number];
  /** What a sampled latent is multiplied by. */
  readonly scaling_factor: number;
  /** The autoencoder. */
  readonly vae: { readonly file: string; readonly sha256: string };
  /** Digest of the list of image files. */
  readonly source: string;
  /** Names of the labels 0, 1, ... */
  readonly class_names: readonly string[];
  /** Images of each class. */
  readonly class_counts: readonly number[];
  /** Images in all. */
  readonly count: number;
  /** Files left out because they are broken. */
  readonly skipped: number;
  /** In order. */
  readonly shards: readonly LatentShard[];
}

/** Name of a shard in its folder. */
export function shardName(number: number): string {
  return `latents-${String(number).padStart(5, "0")}.safetensors`;
}

/** Whether a folder holds latents, by its index. */
export async function isLatentFolder(folder: string): Promise<boolean> {
  try {
    return (await Deno.stat(join(folder, INDEX_FILE))).isFile;
  } catch {
    return false;
  }
}

/**
 * Reads and checks an index.
 *
 * @throws {DataError} naming the file and what is wrong
 */
export async function readLatentIndex(folder: string): Promise<LatentIndex> {
  const path = join(folder, INDEX_FILE);
  let index: LatentIndex;
  try {
    index = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw new DataError(`Cannot read the latents of "${folder}": ${(error as Error).message}`);
  }
  const defect = defectOf(index);
  if (defect) throw new DataError(`Cannot use "${path}" as an index of latents: ${defect}`);
  return index;
}

function defectOf(index: LatentIndex | null): string | undefined {
  if (typeof index !== "object" || index?.format !== LATENT_FORMAT) {
    return `wanted format ${LATENT_FORMAT}, got ${index?.format ?? "none"}`;
  }
  const { latent, class_names, class_counts, shards, count, scaling_factor } = index;
  const whole = (value: unknown) => Number.isSafeInteger(value) && value as number > 0;
  if (!Array.isArray(latent) || latent.length !== 3 || !latent.every(whole)) return '"latent" is broken';
  if (latent[1] !== latent[2]) return `square latents wanted, got ${latent[1]} x ${latent[2]}`;
  if (!(scaling_factor > 0)) return '"scaling_factor" is broken';
  if (!Array.isArray(class_names) || !Array.isArray(class_counts)) return "its classes are missing";
  if (class_names.length !== class_counts.length || !class_counts.every(whole)) {
    return "its classes are broken";
  }
  if (
    !Array.isArray(shards) || !shards.every((shard) => /^[\w.-]+$/.test(shard?.file) && whole(shard.count))
  ) {
    return "its shards are broken";
  }
  const found = shards.reduce((sum, shard) => sum + shard.count, 0);
  const wanted = class_counts.reduce((sum, own) => sum + own, 0);
  return found === count && wanted === count ? undefined : `its shards hold ${found} images, wanted ${count}`;
}

/**
 * Writes an index in one atomic step.
 *
 * @throws {CheckpointError} when it cannot be written
 */
export async function writeLatentIndex(folder: string, index: LatentIndex): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`);
  await replaceFile(join(folder, INDEX_FILE), (append) => append(bytes));
}

/** Where in a shard its latents are, and whose they are. */
export interface ShardContent {
  /** Byte in the file at which `moments`, `f32[N, 2, 2C, H, W]`, begins. */
  readonly offset: number;
  /** `i32[N]`. */
  readonly labels: Int32Array;
  /** What the writer noted. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Opens a shard and checks the shapes of its tensors.
 *
 * @throws {CheckpointError} naming the file and what is wrong
 */
export async function readShard(
  path: string,
  latent: readonly [number, number, number],
): Promise<ShardContent> {
  using file = await openSafetensors(path);
  const [moments, labels] = ["moments", "labels"].map((name) => file.tensors.get(name));
  const [channels, height, width] = latent;
  const wanted = [labels?.shape[0] ?? 0, 2, 2 * channels, height, width];
  if (
    moments?.dtype !== "F32" || labels?.dtype !== "I32" || labels.shape.length !== 1 ||
    wanted.join() !== moments.shape.join()
  ) {
    const shape = (info?: { dtype: string; shape: readonly number[] }) =>
      info ? `${info.dtype} [${info.shape.join(", ")}]` : "none";
    throw new CheckpointError(
      `Cannot use ${path} as latents: wanted "labels" I32 [N] and "moments" F32 [N, ${
        wanted.slice(1).join(", ")
      }], ` +
        `got ${shape(labels)} and ${shape(moments)}`,
    );
  }
  const values = await file.read("labels") as Int32Array;
  return { offset: moments.begin, labels: values, metadata: file.metadata };
}
