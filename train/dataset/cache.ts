/**
 * Decoded images in one file, so that only the first run pays for decoding. Layout:
 *
 * ```
 * 8 bytes            "TSRIMG01"
 * 4 bytes            length of the header, u32 little-endian
 * header             JSON, see CacheHeader
 * count * 3 * S * S  images, u8[N, 3, S, S]
 * count * 4          labels, i32[N] little-endian
 * ```
 *
 * @module
 */
import { join } from "@std/path";
import type { DecodedImages, SkippedFiles } from "./decode.ts";
import { dataError, type ImageSource, sha256, sourceDigest } from "./source.ts";

const MAGIC = "TSRIMG01";
const PREFIX_BYTES = MAGIC.length + 4;

interface CacheHeader {
  /** Of the list of files that were decoded. */
  readonly sourceDigest: string;
  readonly imageSize: number;
  readonly count: number;
  readonly skipped: SkippedFiles;
  /** Of everything after the header. */
  readonly contentDigest: string;
}

/** Decoded images that are in a cache file. */
export interface CachedImages extends DecodedImages {
  /** SHA-256 of images and labels. */
  readonly contentDigest: string;
}

/** Where the images of a source at one size are kept: `DIRECTORY/emoji-32-0123456789ab.images`. */
export async function cachePath(source: ImageSource, imageSize: number, directory: string): Promise<string> {
  const name = source.name.replaceAll(/[^\w-]+/g, "_");
  return join(directory, `${name}-${imageSize}-${(await sourceDigest(source)).slice(0, 12)}.images`);
}

/**
 * Reads a cache file back.
 *
 * @returns undefined when there is none, or when it is truncated, altered or of another source
 */
export async function readCache(
  path: string,
  source: ImageSource,
  imageSize: number,
): Promise<CachedImages | undefined> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch {
    return undefined;
  }
  const parsed = parseHeader(bytes);
  if (!parsed) return undefined;
  const { header, content } = parsed;
  const imageBytes = header.count * 3 * imageSize * imageSize;
  const valid = header.imageSize === imageSize &&
    content.length === imageBytes + header.count * 4 &&
    header.sourceDigest === await sourceDigest(source) &&
    header.contentDigest === await sha256(content);
  if (!valid) return undefined;
  return {
    images: content.slice(0, imageBytes),
    labels: new Int32Array(content.slice(imageBytes).buffer),
    skipped: header.skipped,
    contentDigest: header.contentDigest,
  };
}

function parseHeader(
  bytes: Uint8Array<ArrayBuffer>,
): { header: CacheHeader; content: Uint8Array<ArrayBuffer> } | undefined {
  const decoder = new TextDecoder();
  if (bytes.length < PREFIX_BYTES || decoder.decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    return undefined;
  }
  const end = PREFIX_BYTES + new DataView(bytes.buffer).getUint32(MAGIC.length, true);
  try {
    return {
      header: JSON.parse(decoder.decode(bytes.subarray(PREFIX_BYTES, end))),
      content: bytes.slice(end),
    };
  } catch {
    return undefined;
  }
}

/**
 * Writes a cache file under a temporary name and renames it, so that a reader never sees half of one.
 *
 * @throws {DataError} when the folder cannot be made or written
 */
export async function writeCache(
  path: string,
  source: ImageSource,
  imageSize: number,
  decoded: DecodedImages,
): Promise<CachedImages> {
  const { images, labels, skipped } = decoded;
  const content = new Uint8Array(images.length + labels.byteLength);
  content.set(images);
  content.set(new Uint8Array(labels.buffer), images.length);
  const contentDigest = await sha256(content);
  const header: CacheHeader = {
    sourceDigest: await sourceDigest(source),
    imageSize,
    count: labels.length,
    skipped,
    contentDigest,
  };
  await writeWhole(path, [prefixOf(header), content]);
  return { ...decoded, contentDigest };
}

function prefixOf(header: CacheHeader): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(MAGIC + "\0\0\0\0" + JSON.stringify(header));
  new DataView(text.buffer).setUint32(MAGIC.length, text.length - PREFIX_BYTES, true);
  return text;
}

async function writeWhole(path: string, parts: Uint8Array<ArrayBuffer>[]): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.writeFile(temporary, new Blob(parts).stream());
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw dataError(`Cannot write the image cache "${path}"`, error);
  }
}
