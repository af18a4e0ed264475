/**
 * Files of named tensors in the safetensors format: a JSON header, then raw little-endian data. Every platform that
 * runs Deno is little-endian, so data moves without a change of byte order.
 *
 * @module
 */
import { CheckpointError } from "../core/errors.ts";
import { type ByteSource, memorySource, openFileSource } from "./byte_source.ts";
import { decodeElements, type SafetensorsData } from "./elements.ts";
import { quote, readHeader, type SafetensorsHeader, type TensorInfo } from "./safetensors_header.ts";

export type { SafetensorsData } from "./elements.ts";
export type { SafetensorsDType, TensorInfo } from "./safetensors_header.ts";
export { type RawSafetensorsEntry, type SafetensorsEntry, writeSafetensors } from "./safetensors_writer.ts";

/** An open file: the header is in memory, tensors are read one at a time. */
export class SafetensorsFile implements Disposable {
  readonly #source: ByteSource;
  readonly #header: SafetensorsHeader;
  #closed = false;

  /**
   * Reads and checks the header.
   *
   * @throws {CheckpointError} when the header is broken or hostile; the source is then closed
   */
  constructor(source: ByteSource) {
    this.#source = source;
    try {
      this.#header = readHeader(source);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Path of the file, or what stands for it in errors. */
  get path(): string {
    return this.#source.path;
  }

  /** Tensors by name, in the order of the header. */
  get tensors(): ReadonlyMap<string, TensorInfo> {
    return this.#header.tensors;
  }

  /** The `__metadata__` of the header. */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  /**
   * Reads one tensor, row-major. `F16` and `BF16` are widened to f32, `F64` is rounded to f32, `I64` becomes i32.
   *
   * @throws {CheckpointError} when there is no such tensor, its dtype is not supported, an `I64` value does not fit
   *   in 32 bits, the file was cut since it was opened, or it is closed
   */
  read(name: string): Promise<SafetensorsData> {
    return new Promise((resolve) => resolve(this.#read(name)));
  }

  /**
   * Reads the bytes of one tensor as they are in the file: row-major, little-endian.
   *
   * @throws {CheckpointError} when there is no such tensor, the file was cut since it was opened, or it is closed
   */
  readBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve) => resolve(this.#bytesOf(name)));
  }

  #read(name: string): SafetensorsData {
    const bytes = this.#bytesOf(name);
    return decodeElements(this.tensors.get(name)!.dtype, bytes.buffer, whatOf(name, this.path));
  }

  #bytesOf(name: string): Uint8Array<ArrayBuffer> {
    const what = whatOf(name, this.path);
    if (this.#closed) throw new CheckpointError(`${what}: the file is closed`);
    const info = this.tensors.get(name);
    if (!info) throw new CheckpointError(`${what}: the file has no such tensor`);
    return this.#source.read(info.begin, info.end);
  }

  /** Closes the file; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.close();
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function whatOf(name: string, path: string): string {
  return `Cannot read tensor ${quote(name)} of ${path}`;
}

/**
 * Opens a file and reads its header.
 *
 * @throws {CheckpointError} naming the file and what is wrong: it is missing or not a file, the header is too long,
 *   is not JSON, names a tensor twice, has an unknown dtype, an impossible shape, or ranges that overlap, leave
 *   holes or reach past the end
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  return new SafetensorsFile(await openFileSource(path));
}

/**
 * Reads a file that is in memory already; `path` names it in errors.
 *
 * @throws {CheckpointError} as `openSafetensors()` does
 */
export function parseSafetensors(bytes: Uint8Array, path = "bytes in memory"): SafetensorsFile {
  return new SafetensorsFile(memorySource(bytes, path));
}
