import { openFileSource } from "../../engine/checkpoint/byte_source.ts";
import { DataError } from "../../engine/core/errors.ts";
import { pixelsOf } from "../../models/inception/pixels.ts";
import type { ImageStream } from "../images/image_stream.ts";
import { writeLargeNpz } from "../numpy/write.ts";

/** Bytes that are copied at once. */
const CHUNK = 1 << 24;

/**
 * The images of an evaluation as ADM's evaluator takes them: `arr_0`, `u8[N, H, W, 3]`. They gather in a file beside the
 * target, each at its place, so that a run that was stopped goes on there.
 */
export class SampleFile implements Disposable {
  readonly #part: string;
  #file: Deno.FsFile | undefined;

  /** Names the target; nothing is written yet. */
  constructor(
    private readonly path: string,
    private readonly images: Pick<ImageStream, "count" | "height" | "width">,
  ) {
    this.#part = `${path}.part`;
  }

  /**
   * Writes images.
   *
   * @param pixels network outputs, which are truncated to bytes as ADM does, or pixels
   * @param from number of the first
   * @throws {DataError} when the images before them are not there, or the file cannot be written
   */
  async write(pixels: Float32Array | Uint8Array, from: number): Promise<void> {
    const { height, width } = this.images;
    const bytes = interleaved(
      pixels instanceof Float32Array ? pixelsOf(pixels, "adm") : pixels,
      height * width,
    );
    const offset = from * 3 * height * width;
    try {
      this.#file ??= await Deno.open(this.#part, { write: true, create: true, truncate: from === 0 });
      const { size } = await this.#file.stat();
      if (size < offset) throw new Error(`it has ${size} bytes, ${offset} wanted; add --restart`);
      await this.#file.seek(offset, Deno.SeekMode.Start);
      for (let written = 0; written < bytes.length;) {
        written += await this.#file.write(bytes.subarray(written));
      }
    } catch (error) {
      throw new DataError(`Cannot write samples to ${this.#part}: ${(error as Error).message}`);
    }
  }

  /**
   * Makes the archive.
   *
   * @throws {DataError} when images are missing
   * @throws {CheckpointError} when it cannot be written
   */
  async finish(): Promise<void> {
    const { count, height, width } = this.images;
    const size = count * 3 * height * width;
    const source = await openFileSource(this.#part);
    try {
      if (source.size < size) {
        throw new DataError(
          `Cannot write ${this.path}: ${this.#part} has ${source.size} bytes, ${size} wanted`,
        );
      }
      await writeLargeNpz(this.path, "arr_0", {
        descr: "|u1",
        shape: [count, height, width, 3],
        *pieces() {
          for (let done = 0; done < size; done += CHUNK) {
            yield source.read(done, Math.min(size, done + CHUNK));
          }
        },
      });
    } finally {
      source.close();
    }
  }

  /** Removes what gathered beside the target. */
  async removePart(): Promise<void> {
    await Deno.remove(this.#part).catch(() => {});
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file?.close();
  }
}

/** Planes of red, green and blue to interleaved bytes, image by image. */
function interleaved(planes: ArrayLike<number>, pixels: number): Uint8Array {
  const bytes = new Uint8Array(planes.length);
  for (let start = 0; start < bytes.length; start += 3 * pixels) {
    for (let i = 0; i < pixels; i++) {
      for (let channel = 0; channel < 3; channel++) {
        bytes[start + 3 * i + channel] = planes[start + channel * pixels + i];
      }
    }
  }
  return bytes;
}
