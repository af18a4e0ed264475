import { join } from "@std/path";
import { sha256OfFile } from "../../engine/checkpoint/file_digest.ts";
import { DataError } from "../../engine/core/errors.ts";
import { compositeOnWhite, fitImage } from "../../train/dataset/mod.ts";
import { NumpyFile } from "../numpy/file.ts";
import { peekPng, readPng } from "../png.ts";
import type { ImageStream } from "./image_stream.ts";

/** Images in files, and what tells them from others. */
export interface FileImages extends ImageStream {
  /** The folder or file. */
  readonly location: string;
  /** SHA-256 of an archive, or of the names, sizes and times of the files in a folder. */
  readonly digest: string;
}

interface PngFile {
  readonly path: string;
  /** The path inside the folder, with forward slashes. */
  readonly name: string;
  /** Changes when the file's content does: its size and time. */
  readonly stamp: string;
}

/** Name of the images in an archive of ADM: what `numpy.savez` calls its first array. */
const ARCHIVE_ARRAY = "arr_0";

/**
 * Opens images: a folder of PNG files, at any depth, in the order of their paths, or an `.npz` or `.npy` file with an
 * array `u8[N, H, W, 3]`, called `arr_0` in an archive, as ADM's evaluator takes it.
 *
 * @param size side to which the images of a folder are cut and resized; without it all must be of one size
 * @throws {DataError} when there are no such images
 * @throws {CheckpointError} when an archive is broken
 */
export async function openImages(path: string, size?: number): Promise<FileImages> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (error) {
    throw new DataError(`Cannot use "${path}" as images: ${(error as Error).message}`);
  }
  if (info.isDirectory) return await openFolder(path, size);
  if (!/\.np[zy]$/i.test(path)) {
    throw new DataError(`Cannot use "${path}" as images: a folder of PNG files or an .npz file wanted`);
  }
  if (size !== undefined) {
    throw new DataError(`Cannot resize the images of "${path}": --size is for folders of PNG files`);
  }
  return await openArchive(path);
}

async function openArchive(path: string): Promise<FileImages> {
  const digest = await sha256OfFile(path);
  const file = await NumpyFile.open(path);
  try {
    const name = file.has("") ? "" : ARCHIVE_ARRAY;
    const { type, shape } = file.header(name);
    const [count, height, width, channels] = shape;
    if (type.code !== "u1" || shape.length !== 4 || channels !== 3 || shape.includes(0)) {
      throw new DataError(
        `Cannot use "${path}" as images: u8[N, H, W, 3] wanted, got ${type.code}[${shape.join(", ")}]`,
      );
    }
    return {
      ...{ count, height, width, digest, location: path },
      format: `u8 of ${ARCHIVE_ARRAY}, N x H x W x 3`,
      read: (from, to) =>
        Promise.resolve(toPlanes(file.rows(name, from, to).data as Uint8Array, height * width, 3)),
      [Symbol.dispose]: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function openFolder(folder: string, size: number | undefined): Promise<FileImages> {
  const files = await listPngs(folder);
  if (files.length === 0) throw new DataError(`Cannot use "${folder}" as images: PNG files wanted, got none`);
  const list = files.map(({ name, stamp }) => [name, stamp]);
  const bytes = new TextEncoder().encode(JSON.stringify([size ?? null, list]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const { height, width } = await sizeOf(files, size);
  return {
    ...{ height, width, digest, count: files.length, location: folder },
    format: size === undefined
      ? "8-bit PNG files, read as they are"
      : `8-bit PNG files, the central square resized to ${size} x ${size} where it is another`,
    async read(from, to) {
      const pixels = new Uint8Array((to - from) * 3 * height * width);
      for (let i = from; i < to; i++) {
        const image = await readPlanes(files[i].path, size, { height, width, like: files[0].name });
        pixels.set(image, (i - from) * image.length);
      }
      return pixels;
    },
    [Symbol.dispose]: () => {},
  };
}

/**
 * The size that all images have; what can be seen at either end of a file is wrong before anything is done, not in the
 * middle of it.
 */
async function sizeOf(
  files: readonly PngFile[],
  size: number | undefined,
): Promise<{ height: number; width: number }> {
  const first = await peekPng(files[0].path);
  for (const { path } of files) {
    const own = await peekPng(path);
    if (size === undefined) requireSize(path, own, { ...first, like: files[0].name });
  }
  return size === undefined ? first : { height: size, width: size };
}

/** Throws for an image of another size than one that is named. */
function requireSize(
  path: string,
  own: { height: number; width: number },
  { height, width, like }: { height: number; width: number; like: string },
): void {
  if (own.height === height && own.width === width) return;
  throw new DataError(
    `Cannot use "${path}": ${height} x ${width} wanted as in ${like}, got ${own.height} x ${own.width}`,
  );
}

async function readPlanes(
  path: string,
  size: number | undefined,
  { height, width, like }: { height: number; width: number; like: string },
): Promise<Uint8Array> {
  const image = await readPng(path);
  if (size !== undefined) return await fitImage(image, size);
  requireSize(path, image, { height, width, like });
  return toPlanes(compositeOnWhite(image).rgba, height * width, 4);
}

/** Interleaved channels to planes of red, green and blue. */
function toPlanes(bytes: Uint8Array, pixels: number, channels: number): Uint8Array {
  const count = bytes.length / channels / pixels;
  const planes = new Uint8Array(count * 3 * pixels);
  for (let image = 0; image < count; image++) {
    for (let channel = 0; channel < 3; channel++) {
      const [from, to] = [image * pixels * channels + channel, (image * 3 + channel) * pixels];
      for (let i = 0; i < pixels; i++) planes[to + i] = bytes[from + i * channels];
    }
  }
  return planes;
}

/** PNG files below a folder, by their paths in code-unit order; names that start with a dot are passed over. */
async function listPngs(root: string, inside = ""): Promise<PngFile[]> {
  const found: PngFile[] = [];
  for await (const entry of Deno.readDir(join(root, inside))) {
    if (entry.name.startsWith(".")) continue;
    const name = inside === "" ? entry.name : `${inside}/${entry.name}`;
    const path = join(root, name);
    const info = await Deno.stat(path);
    if (info.isDirectory) found.push(...await listPngs(root, name));
    else if (/\.png$/i.test(name)) {
      found.push({ path, name, stamp: `${info.size} ${info.mtime?.getTime() ?? 0}` });
    }
  }
  return inside === "" ? found.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0) : found;
}
