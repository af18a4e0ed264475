import { DataError } from "../../engine/core/errors.ts";
import { decodePng } from "../../eval/mod.ts";
import { fitImage } from "./resize.ts";
import { dataError, type ImageFile, type ImageSource } from "./source.ts";

/** The files of a data set that could not be decoded. */
export interface SkippedFiles {
  /** Number of them. */
  readonly count: number;
  /** What is wrong with the first of them; empty when there is none. */
  readonly firstProblem: string;
}

/** The pixels of a source. */
export interface DecodedImages {
  /** u8[N, 3, S, S] */
  readonly images: Uint8Array<ArrayBuffer>;
  /** i32[N] */
  readonly labels: Int32Array<ArrayBuffer>;
  /** Files without pixels. */
  readonly skipped: SkippedFiles;
}

/** Called as files are decoded, after each of them. */
export type DecodeProgress = (done: number, total: number) => void;

/** A larger share of broken files than this is no accident: the data set is refused. */
const MOST_BROKEN = 0.1;

/**
 * Decodes and resizes every file of a source. Broken PNG files are left out and counted.
 *
 * @throws {DataError} when a file cannot be read, when more than a tenth of the files are broken, or when a
 * class keeps no image
 */
export async function decodeSource(
  source: ImageSource,
  imageSize: number,
  onProgress?: DecodeProgress,
): Promise<DecodedImages> {
  const total = source.files.length;
  const pixels = 3 * imageSize * imageSize;
  const images = new Uint8Array(total * pixels);
  const labels: number[] = [];
  const problems: string[] = [];
  for (const [i, file] of source.files.entries()) {
    const result = await decodeFile(file, imageSize);
    if (result instanceof DataError) {
      problems.push(result.message);
    } else {
      images.set(result, labels.length * pixels);
      labels.push(file.label);
    }
    onProgress?.(i + 1, total);
  }
  const skipped = { count: problems.length, firstProblem: problems[0] ?? "" };
  requireEnough(source, labels, skipped);
  return { images: images.slice(0, labels.length * pixels), labels: Int32Array.from(labels), skipped };
}

/**
 * Decodes and resizes one file to u8[3, S, S]; gives what is wrong with a broken one.
 *
 * @throws {DataError} when it cannot be read
 */
export async function decodeFile(
  { path, name }: ImageFile,
  imageSize: number,
): Promise<Uint8Array | DataError> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw dataError(`Cannot read "${path}"`, error);
  }
  try {
    return await fitImage(decodePng(bytes, name), imageSize);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

function requireEnough(source: ImageSource, labels: readonly number[], skipped: SkippedFiles): void {
  const total = source.files.length;
  if (skipped.count > MOST_BROKEN * total) {
    throw new DataError(
      `Cannot use "${source.location}" as data: at most ${MOST_BROKEN * 100}% of the files may be broken, ` +
        `got ${skipped.count} of ${total}, the first: ${skipped.firstProblem}`,
    );
  }
  const empty = source.classNames.findIndex((_, label) => !labels.includes(label));
  if (empty >= 0) {
    throw new DataError(
      `Cannot use class "${
        source.classNames[empty]
      }" of "${source.location}": every PNG file in it is broken`,
    );
  }
}
