import { PNG } from "pngjs";
import { Buffer } from "node:buffer";
import { DataError } from "../engine/core/errors.ts";

/** An image of 8-bit red, green, blue and alpha. */
export interface RgbaImage {
  /** Pixels in a row. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
  /** u8[height, width, 4] */
  readonly rgba: Uint8Array<ArrayBuffer>;
}

/** The part of the package that is used here; it ships no types. */
interface PngCodec {
  read(bytes: Buffer): { width: number; height: number; data: Uint8Array };
  write(image: { width: number; height: number; data: Uint8Array }): Uint8Array;
}

const codec: PngCodec = PNG.sync;

/** The eight bytes that open every PNG file (PNG specification, 5.2). */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;

/** Offset of the width in the header chunk; the height follows four bytes later. */
const WIDTH_OFFSET = 16;

/** A header may claim any size before a single pixel is read; this much memory (256 MiB) is believed. */
const MOST_PIXELS = 1 << 26;

/**
 * Decodes the bytes of a PNG file of any colour type and bit depth.
 *
 * @param name the file's name, for the error
 * @throws {DataError} naming the file when the bytes are no PNG, are truncated, or fail a checksum
 */
export function decodePng(bytes: Uint8Array, name: string): RgbaImage {
  checkHeader(bytes, name);
  try {
    const { width, height, data } = codec.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    return { width, height, rgba: new Uint8Array(data) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataError(`Cannot decode "${name}": the PNG is truncated or broken (${reason})`);
  }
}

/** Encodes an image as a PNG file. */
export function encodePng(image: RgbaImage): Uint8Array<ArrayBuffer> {
  const { width, height, rgba } = image;
  return new Uint8Array(codec.write({ width, height, data: rgba }));
}

/**
 * Reads and decodes a PNG file.
 *
 * @throws {DataError} naming the file when it cannot be read or is not a whole PNG
 */
export async function readPng(path: string): Promise<RgbaImage> {
  return decodePng(await readBytes(path), path);
}

/** What every whole PNG file ends with: an empty chunk of type `IEND` and its checksum (PNG specification, 11.2.5). */
const LAST_CHUNK = [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82] as const;

/**
 * Width and height of a PNG file, of which only both ends are read: one that was cut is noticed, and decoded to
 * say what is wrong.
 *
 * @throws {DataError} naming the file when it cannot be read or is not a whole PNG
 */
export async function peekPng(path: string): Promise<{ readonly width: number; readonly height: number }> {
  const ends = await readEnds(path, WIDTH_OFFSET + 8, LAST_CHUNK.length);
  checkHeader(ends.start, path);
  if (LAST_CHUNK.some((byte, i) => ends.last[i] !== byte)) return await readPng(path);
  const view = new DataView(ends.start.buffer);
  return { width: view.getUint32(WIDTH_OFFSET), height: view.getUint32(WIDTH_OFFSET + 4) };
}

async function readEnds(
  path: string,
  first: number,
  last: number,
): Promise<{ start: Uint8Array; last: Uint8Array }> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    const read = async (offset: number, count: number) => {
      const bytes = new Uint8Array(Math.min(count, size));
      await file.seek(offset, Deno.SeekMode.Start);
      for (let filled = 0; filled < bytes.length;) {
        filled += await file.read(bytes.subarray(filled)) ?? Infinity;
      }
      return bytes;
    };
    return { start: await read(0, first), last: await read(Math.max(0, size - last), last) };
  } catch (error) {
    throw new DataError(`Cannot read "${path}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Reads a file, turning the runtime's error into one line of ours. */
async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new DataError(`Cannot read "${path}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

function checkHeader(bytes: Uint8Array, name: string): void {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) {
    throw new DataError(
      `Cannot decode "${name}": a PNG file is wanted, got ${bytes.length} bytes without its signature`,
    );
  }
  if (bytes.length < WIDTH_OFFSET + 8) {
    throw new DataError(`Cannot decode "${name}": the PNG is truncated after ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const width = view.getUint32(WIDTH_OFFSET);
  const height = view.getUint32(WIDTH_OFFSET + 4);
  if (width * height > MOST_PIXELS) {
    throw new DataError(
      `Cannot decode "${name}": at most ${MOST_PIXELS} pixels are accepted, got ${width} x ${height}`,
    );
  }
}
