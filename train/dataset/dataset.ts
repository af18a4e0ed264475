import { DataError } from "../../engine/core/errors.ts";
import { cachePath, readCache, writeCache } from "./cache.ts";
import { type DecodeProgress, decodeSource, type SkippedFiles } from "./decode.ts";
import { emojiSource } from "./emoji.ts";
import { folderSource } from "./folder.ts";
import type { ImageSource } from "./source.ts";

/** Labelled images in memory, all of one size. */
export interface ImageDataset {
  /** Short name. */
  readonly name: string;
  /** One line on what may be done with the images. */
  readonly licence: string;
  /** The folder or package that the images come from. */
  readonly location: string;
  /** Names of the labels 0, 1, ... */
  readonly classNames: readonly string[];
  /** Side in pixels, S below. */
  readonly imageSize: number;
  /** Red, green, blue. */
  readonly channels: 3;
  /** Number of images, N below. */
  readonly count: number;
  /** u8[N, 3, S, S] */
  readonly images: Uint8Array<ArrayBuffer>;
  /** i32[N] */
  readonly labels: Int32Array<ArrayBuffer>;
  /** For each class, the positions of its images; never empty. */
  readonly imagesOfClass: readonly Int32Array<ArrayBuffer>[];
  /** Files left out because they are broken. */
  readonly skipped: SkippedFiles;
  /** SHA-256 of images and labels: two data sets with one digest train alike. */
  readonly digest: string;
}

/** Which images to open, and where to keep them once decoded. */
export interface OpenDatasetOptions {
  /** A folder of class subfolders of PNG files; the emoji unless given. */
  readonly data?: string;
  /** Side in pixels; 32 unless given. */
  readonly imageSize?: number;
  /** Folder of the cache file; `.cache` in the working folder unless given. */
  readonly cacheDirectory?: string;
  /** Called after each decoded file; never called when the cache is used. */
  readonly onProgress?: DecodeProgress;
  /** Given one line when files were left out. */
  readonly onWarning?: (message: string) => void;
}

const SMALLEST_IMAGE = 4;
const LARGEST_IMAGE = 1024;

/**
 * Opens the emoji, or a folder of one's own images: from the cache where it is whole, and otherwise by
 * decoding all files and writing the cache.
 *
 * @throws {DataError} when the images are missing, too many are broken, or the cache cannot be written
 */
export async function openDataset(options: OpenDatasetOptions = {}): Promise<ImageDataset> {
  const source = options.data === undefined ? await emojiSource() : await folderSource(options.data);
  return await loadSource(source, options);
}

/**
 * Loads the images of any source; see {@linkcode openDataset}.
 *
 * @throws {DataError} as `openDataset()` does
 */
export async function loadSource(
  source: ImageSource,
  options: Omit<OpenDatasetOptions, "data"> = {},
): Promise<ImageDataset> {
  const { imageSize = 32, cacheDirectory = ".cache", onProgress, onWarning } = options;
  requireImageSize(imageSize);
  const path = await cachePath(source, imageSize, cacheDirectory);
  const { images, labels, skipped, contentDigest } = await readCache(path, source, imageSize) ??
    await writeCache(path, source, imageSize, await decodeSource(source, imageSize, onProgress));
  if (skipped.count > 0) {
    onWarning?.(
      `${skipped.count} of ${source.files.length} files left out as broken, the first: ${skipped.firstProblem}`,
    );
  }
  const { name, licence, location, classNames } = source;
  return {
    ...{ name, licence, location, classNames, imageSize, images, labels, skipped },
    channels: 3,
    count: labels.length,
    imagesOfClass: classNames.map((_, label) => positionsOf(label, labels)),
    digest: contentDigest,
  };
}

function requireImageSize(imageSize: number): void {
  if (!Number.isInteger(imageSize) || imageSize < SMALLEST_IMAGE || imageSize > LARGEST_IMAGE) {
    throw new DataError(
      `Cannot resize images to ${imageSize} pixels: a whole number from ${SMALLEST_IMAGE} to ${LARGEST_IMAGE} wanted`,
    );
  }
}

function positionsOf(label: number, labels: Int32Array): Int32Array<ArrayBuffer> {
  const positions: number[] = [];
  labels.forEach((own, i) => own === label && positions.push(i));
  return Int32Array.from(positions);
}
