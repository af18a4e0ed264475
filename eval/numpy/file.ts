import { constants, inflateRawSync } from "node:zlib";
import { type ByteSource, memorySource, openFileSource } from "../../engine/checkpoint/byte_source.ts";
import { ZipArchive, type ZipEntry } from "../../engine/checkpoint/zip.ts";
import { CheckpointError } from "../../engine/core/errors.ts";
import { decodeArray, type NumpyArray } from "./array.ts";
import { NPY_MAGIC, type NumpyHeader, readHeader } from "./header.ts";

const EXTENSION = ".npy";

const ZIP_MAGIC = [0x50, 0x4b];
const LOCAL_HEADER_BYTES = 30;

/** Deflated bytes that are tried first for a header. */
const PEEK_BYTES = 512;

/** Largest deflated array: it is inflated in one piece. */
const MAX_DEFLATED_BYTES = 2 ** 31 - 1;

/** Bytes of one array inside a file. */
interface Part {
  readonly size: number;
  read(begin: number, end: number): Uint8Array<ArrayBuffer>;
  /** The first `count` bytes or more, at the cost of little more than them. */
  peek(count: number): Uint8Array<ArrayBuffer>;
  /** Whether reading a range costs as much as reading all. */
  readonly deflated: boolean;
}

/**
 * An open `.npy` file, whose array has the name "", or `.npz` archive of named arrays. What it is, its first bytes say.
 * Arrays are read one at a time; a header is checked against the length of its data before memory is taken for it.
 *
 * npyjs 1.2.0 was tried for the headers: it takes shapes with `NaN`, negative and overflowing extents as they are,
 * ignores the shape for the data, and refuses double quotes and big-endian numbers.
 */
export class NumpyFile implements Disposable {
  readonly #source: ByteSource;
  readonly #parts: ReadonlyMap<string, Part>;
  #closed = false;

  private constructor(source: ByteSource, parts: ReadonlyMap<string, Part>) {
    this.#source = source;
    this.#parts = parts;
  }

  /**
   * Opens a file.
   *
   * @throws {CheckpointError} when it is missing, or neither an `.npy` file nor a zip archive that can be read
   */
  static async open(path: string): Promise<NumpyFile> {
    return await NumpyFile.#over(await openFileSource(path));
  }

  /**
   * Reads a file that is in memory already; `path` names it in errors.
   *
   * @throws {CheckpointError} as `open()` does
   */
  static async parse(bytes: Uint8Array, path = "bytes in memory"): Promise<NumpyFile> {
    return await NumpyFile.#over(memorySource(bytes, path));
  }

  static async #over(source: ByteSource): Promise<NumpyFile> {
    try {
      return new NumpyFile(source, await partsOf(source));
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Path of the file, or what stands for it in errors. */
  get path(): string {
    return this.#source.path;
  }

  /** Names of the arrays, in the order of the file. */
  get names(): readonly string[] {
    return [...this.#parts.keys()];
  }

  /** Whether there is an array of this name. */
  has(name: string): boolean {
    return this.#parts.has(name);
  }

  /**
   * Type and shape of an array, without its elements.
   *
   * @throws {CheckpointError} when there is no such array, or its header is broken or not one of numbers
   */
  header(name: string): NumpyHeader {
    const [part, what] = [this.#part(name), this.#what(name)];
    return readHeader(what, part.size, (begin, end) => part.peek(end).slice(begin, end));
  }

  /**
   * Reads a whole array; others of the file may be broken.
   *
   * @throws {CheckpointError} as `header()` does, and when the data is damaged
   */
  read(name: string): NumpyArray {
    const { type, shape, dataOffset, fortranOrder } = this.#readable(name);
    const part = this.#part(name);
    return decodeArray(type, shape, part.read(dataOffset, part.size), fortranOrder);
  }

  /**
   * Reads an array in runs of at most `rows` of its first extent, so that one of many images needs no memory for all
   * of them.
   *
   * @throws {CheckpointError} as `read()` does, and when the array is 0-dimensional or in Fortran order
   * @throws {RangeError} when `rows` is not a whole number of at least 1
   */
  *batches(name: string, rows: number): Generator<NumpyArray, void, void> {
    if (!Number.isInteger(rows) || rows < 1) {
      throw new RangeError(`Cannot read ${rows} rows: wanted at least 1`);
    }
    const { type, shape: [count, ...rest], dataOffset, fortranOrder } = this.#readable(name);
    this.#requireRows(name, count, fortranOrder && rest.length > 0);
    for (let from = 0; from < count; from += rows) {
      yield this.#rows(name, { type, rest, dataOffset }, from, Math.min(count, from + rows));
    }
  }

  /**
   * Reads rows `from` to `to - 1` of an array: a range of its first extent.
   *
   * @throws {CheckpointError} as `batches()` does
   * @throws {RangeError} when there are no such rows
   */
  rows(name: string, from: number, to: number): NumpyArray {
    const { type, shape: [count, ...rest], dataOffset, fortranOrder } = this.#readable(name);
    this.#requireRows(name, count, fortranOrder && rest.length > 0);
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from > to || to > count) {
      throw new RangeError(`Cannot read rows ${from} to ${to} of ${JSON.stringify(name)}: it has ${count}`);
    }
    return this.#rows(name, { type, rest, dataOffset }, from, to);
  }

  #requireRows(name: string, count: number | undefined, byColumns: boolean): asserts count is number {
    if (count === undefined || byColumns) {
      throw new CheckpointError(`${this.#what(name)} by rows: it is 0-dimensional or in Fortran order`);
    }
  }

  #rows(
    name: string,
    { type, rest, dataOffset }: Pick<NumpyHeader, "type" | "dataOffset"> & {
      readonly rest: readonly number[];
    },
    from: number,
    to: number,
  ): NumpyArray {
    const width = rest.reduce((product, extent) => product * extent, type.bytes);
    const bytes = this.#part(name).read(dataOffset + from * width, dataOffset + to * width);
    return decodeArray(type, [to - from, ...rest], bytes, false);
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

  #readable(name: string): NumpyHeader {
    const header = this.header(name);
    const { deflated, size } = this.#part(name);
    if (deflated && size > MAX_DEFLATED_BYTES) {
      throw new CheckpointError(
        `${this.#what(name)}: it is deflated and has ${size} bytes, at most ${MAX_DEFLATED_BYTES} wanted; ` +
          "save it without compression",
      );
    }
    return header;
  }

  #part(name: string): Part {
    const part = this.#parts.get(name);
    if (this.#closed) throw new CheckpointError(`${this.#what(name)}: the file is closed`);
    if (part) return part;
    const names = this.names.map((known) => JSON.stringify(known)).join(", ");
    throw new CheckpointError(`${this.#what(name)}: the file has no such array, it has ${names || "none"}`);
  }

  #what(name: string): string {
    return name === ""
      ? `Cannot read ${this.path}`
      : `Cannot read array ${JSON.stringify(name)} of ${this.path}`;
  }
}

async function partsOf(source: ByteSource): Promise<ReadonlyMap<string, Part>> {
  const start = source.read(0, Math.min(source.size, NPY_MAGIC.length));
  const starts = (magic: readonly number[]) => magic.every((byte, i) => start[i] === byte);
  if (starts(ZIP_MAGIC)) return archiveParts(source, await ZipArchive.open(source));
  if (!starts(NPY_MAGIC) && !source.path.endsWith(EXTENSION)) {
    throw new CheckpointError(`Cannot read ${source.path}: it is neither a zip archive nor an .npy file`);
  }
  const read = (begin: number, end: number) => source.read(begin, end);
  return new Map([["", { size: source.size, read, peek: (count) => read(0, count), deflated: false }]]);
}

/** Entries that do not end in `.npy` are not arrays; `np.load` passes over them too. */
function archiveParts(source: ByteSource, archive: ZipArchive): ReadonlyMap<string, Part> {
  const entries = [...archive.entries.values()].filter(({ name }) => name.endsWith(EXTENSION));
  return new Map(entries.map((entry): [string, Part] => [entry.name.slice(0, -EXTENSION.length), {
    size: entry.size,
    deflated: entry.deflated,
    read: (begin, end) => archive.readRange(entry.name, begin, end),
    peek: (count) =>
      entry.deflated ? inflateStart(source, entry, count) : archive.readRange(entry.name, 0, count),
  }]));
}

/** Inflates as little of an entry as gives `count` bytes: what an entry announces is not believed before. */
function inflateStart(source: ByteSource, entry: ZipEntry, count: number): Uint8Array<ArrayBuffer> {
  const local = new DataView(source.read(entry.offset, entry.offset + LOCAL_HEADER_BYTES).buffer);
  const start = entry.offset + LOCAL_HEADER_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  for (let length = PEEK_BYTES;; length *= 2) {
    const end = Math.min(source.size, start + Math.min(length, entry.compressedSize));
    const found = inflatePart(source.read(Math.min(start, end), end));
    if (found && found.length >= count) return found;
    if (length >= entry.compressedSize) {
      throw new CheckpointError(
        `Cannot read ${source.path}: the deflate data of entry ${JSON.stringify(entry.name)} is damaged`,
      );
    }
  }
}

function inflatePart(deflated: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Uint8Array(inflateRawSync(deflated, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return undefined;
  }
}
