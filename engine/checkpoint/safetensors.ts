/**
 * Files of named tensors in the safetensors format: a JSON header, then raw little-endian data. Every platform that
 * runs Deno is little-endian, so data moves without a change of byte order.
 *
 * @module
 */
import { CheckpointError } from "../core/errors.ts";
import type { HostArray } from "../core/dtype.ts";
import {
  type ByteSource,
  quote,
  readHeader,
  type SafetensorsDType,
  type SafetensorsHeader,
  type TensorInfo,
} from "./safetensors_header.ts";

export type { SafetensorsDType, TensorInfo } from "./safetensors_header.ts";
export { type SafetensorsEntry, writeSafetensors } from "./safetensors_writer.ts";

/** Elements of a tensor that was read: `U8` stays bytes, all other types become those of the engine. */
export type SafetensorsData = HostArray | Uint8Array<ArrayBuffer>;

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

  #read(name: string): SafetensorsData {
    const what = `Cannot read tensor ${quote(name)} of ${this.path}`;
    if (this.#closed) throw new CheckpointError(`${what}: the file is closed`);
    const info = this.tensors.get(name);
    if (!info) throw new CheckpointError(`${what}: the file has no such tensor`);
    const decode = DECODERS.get(info.dtype);
    if (!decode) {
      throw new CheckpointError(
        `${what}: dtype ${info.dtype} given, wanted ${[...DECODERS.keys()].join(", ")}`,
      );
    }
    return decode(this.#source.read(info.begin, info.end).buffer, what);
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

type Decoder = (buffer: ArrayBuffer, what: string) => SafetensorsData;

const DECODERS: ReadonlyMap<SafetensorsDType, Decoder> = new Map<SafetensorsDType, Decoder>([
  ["F32", (buffer) => new Float32Array(buffer)],
  ["I32", (buffer) => new Int32Array(buffer)],
  ["U32", (buffer) => new Uint32Array(buffer)],
  ["U8", (buffer) => new Uint8Array(buffer)],
  ["F64", (buffer) => new Float32Array(new Float64Array(buffer))],
  ["F16", (buffer) => new Float32Array(new Float16Array(buffer))],
  ["BF16", widenBfloat16],
  ["I64", narrowInt64],
]);

/** A bfloat16 is the upper half of an f32. */
function widenBfloat16(buffer: ArrayBuffer): Float32Array<ArrayBuffer> {
  const wide = Uint32Array.from(new Uint16Array(buffer), (half) => half << 16);
  return new Float32Array(wide.buffer);
}

function narrowInt64(buffer: ArrayBuffer, what: string): Int32Array<ArrayBuffer> {
  return Int32Array.from(new BigInt64Array(buffer), (value: bigint) => {
    if (value !== BigInt.asIntN(32, value)) {
      throw new CheckpointError(`${what}: I64 value ${value} does not fit in 32 bits`);
    }
    return Number(value);
  });
}

class FileSource implements ByteSource {
  constructor(readonly path: string, readonly size: number, readonly file: Deno.FsFile) {}

  // Synchronous, so that two reads at once cannot move each other's position.
  read(begin: number, end: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(end - begin);
    this.file.seekSync(begin, Deno.SeekMode.Start);
    for (let filled = 0; filled < bytes.length;) {
      const count = this.file.readSync(bytes.subarray(filled));
      if (count === null) {
        throw new CheckpointError(
          `Cannot read ${this.path}: it ends at byte ${begin + filled}, ${end} bytes wanted`,
        );
      }
      filled += count;
    }
    return bytes;
  }

  close(): void {
    this.file.close();
  }
}

/**
 * Opens a file and reads its header.
 *
 * @throws {CheckpointError} naming the file and what is wrong: it is missing or not a file, the header is too long,
 *   is not JSON, names a tensor twice, has an unknown dtype, an impossible shape, or ranges that overlap, leave
 *   holes or reach past the end
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    throw new CheckpointError(`Cannot open ${path}: ${(error as Error).message}`, { cause: error });
  }
  const { size, isFile } = await file.stat();
  if (!isFile) {
    file.close();
    throw new CheckpointError(`Cannot open ${path}: it is not a regular file`);
  }
  return new SafetensorsFile(new FileSource(path, size, file));
}

/**
 * Reads a file that is in memory already; `path` names it in errors.
 *
 * @throws {CheckpointError} as `openSafetensors()` does
 */
export function parseSafetensors(bytes: Uint8Array, path = "bytes in memory"): SafetensorsFile {
  return new SafetensorsFile({
    path,
    size: bytes.length,
    read: (begin, end) => new Uint8Array(bytes.subarray(begin, end)),
    close: () => {},
  });
}
