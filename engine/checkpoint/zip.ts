/**
 * Random access to the entries of a zip archive, with no trust in it. The central directory, 64-bit sizes included, is
 * read by zip.js; the entries are read here, synchronously and without a worker: a range of a stored entry costs no
 * more memory than the range.
 *
 * Source: the format's APPNOTE.TXT 6.3, sections 4.3.7 (local header) and 4.4.
 *
 * @module
 */
import { ZipReader } from "@zip.js/zip.js/lib/zip-core-reader.js";
import { crc32, inflateRawSync } from "node:zlib";
import { CheckpointError } from "../core/errors.ts";
import type { ByteSource } from "./byte_source.ts";
import { quote } from "./safetensors_header.ts";

/** One file of an archive, as the central directory describes it. */
export interface ZipEntry {
  /** Path in the archive. */
  readonly name: string;
  /** Bytes after inflation. */
  readonly size: number;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Whether it is deflated; stored as it is otherwise. */
  readonly deflated: boolean;
  /** CRC-32 of the bytes after inflation. */
  readonly crc32: number;
  /** Where its local header is. */
  readonly offset: number;
}

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

/** No deflate stream grows by more than this factor. */
const MAX_INFLATION = 1032;

/** Bytes read at once while a checksum is made. */
const CHUNK = 2 ** 22;

/** An open archive. Whoever opened the source closes it. */
export class ZipArchive {
  readonly #checked = new Set<string>();
  /** The entry that was inflated last: tensors that share a storage are read one after another. */
  #inflated: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;

  private constructor(
    private readonly source: ByteSource,
    /** Files by path, folders left out. */
    readonly entries: ReadonlyMap<string, ZipEntry>,
  ) {}

  /**
   * Reads the central directory.
   *
   * @throws {CheckpointError} naming the file and its defect: it is cut, holds an entry twice, an encrypted one, or
   *   one that reaches past its end
   */
  static async open(source: ByteSource): Promise<ZipArchive> {
    const entries = new Map<string, ZipEntry>();
    for (const entry of await readDirectory(source)) {
      const where = `Cannot read ${source.path}: entry ${quote(entry.filename)} of the archive`;
      if (entries.has(entry.filename)) throw new CheckpointError(`${where} occurs twice`);
      if (!entry.directory) entries.set(entry.filename, checkedEntry(entry, source.size, where));
    }
    return new ZipArchive(source, entries);
  }

  /**
   * Reads a whole entry and checks its CRC-32.
   *
   * @throws {CheckpointError} when there is no such entry or it is damaged
   */
  read(name: string): Uint8Array<ArrayBuffer> {
    return this.readRange(name, 0, this.#entry(name).size);
  }

  /**
   * Reads the bytes `[begin, end)` of an entry. The first read of an entry checks the CRC-32 of all of it.
   *
   * @throws {CheckpointError} when there is no such entry or it is damaged
   */
  readRange(name: string, begin: number, end: number): Uint8Array<ArrayBuffer> {
    const entry = this.#entry(name);
    if (entry.deflated) return this.#inflate(entry).slice(begin, end);
    const start = this.#dataOffset(entry);
    if (begin === 0 && end === entry.size) {
      const bytes = this.source.read(start, start + end);
      if (!this.#checked.has(name)) this.#check(entry, crc32(bytes));
      return bytes;
    }
    if (!this.#checked.has(name)) this.#check(entry, this.#checksum(start, entry.size));
    return this.source.read(start + begin, start + end);
  }

  #entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    if (!entry) this.#refuse(name, "is missing");
    return entry;
  }

  #dataOffset({ name, offset, compressedSize }: ZipEntry): number {
    const header = new DataView(this.source.read(offset, offset + LOCAL_HEADER_BYTES).buffer);
    if (header.getUint32(0, true) !== LOCAL_HEADER_SIGNATURE) this.#refuse(name, "has no local header");
    // Names and extra fields of the local header may differ in length from those of the directory.
    const start = offset + LOCAL_HEADER_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
    if (start + compressedSize > this.source.size) {
      const left = Math.max(0, this.source.size - start);
      this.#refuse(name, `is cut: ${compressedSize} bytes wanted, ${left} found`);
    }
    return start;
  }

  #checksum(start: number, size: number): number {
    let sum = 0;
    for (let done = 0; done < size; done += CHUNK) {
      sum = crc32(this.source.read(start + done, start + Math.min(size, done + CHUNK)), sum);
    }
    return sum;
  }

  #inflate(entry: ZipEntry): Uint8Array<ArrayBuffer> {
    const { name, size, compressedSize } = entry;
    if (this.#inflated?.name === name) return this.#inflated.bytes;
    if (size === 0) return new Uint8Array(0);
    const start = this.#dataOffset(entry);
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = new Uint8Array(
        inflateRawSync(this.source.read(start, start + compressedSize), { maxOutputLength: size }),
      );
    } catch {
      return this.#refuse(
        name,
        "is damaged: its deflate data cannot be inflated to the size that it announces",
      );
    }
    if (bytes.length !== size) {
      this.#refuse(name, `inflates to ${bytes.length} bytes, ${size} bytes wanted`);
    }
    this.#check(entry, crc32(bytes));
    this.#inflated = { name, bytes };
    return bytes;
  }

  #check({ name, crc32: wanted }: ZipEntry, found: number): void {
    if (found !== wanted) {
      this.#refuse(name, `is damaged: its CRC-32 is ${hex(found)}, wanted ${hex(wanted)}`);
    }
    this.#checked.add(name);
  }

  #refuse(name: string, defect: string): never {
    throw new CheckpointError(
      `Cannot read ${this.source.path}: entry ${quote(name)} of the archive ${defect}`,
    );
  }
}

type RawEntry = Awaited<ReturnType<typeof readDirectory>>[number];

async function readDirectory(source: ByteSource) {
  // zip.js reads its input through these three members alone.
  const input = {
    size: source.size,
    init: () => Promise.resolve(),
    readUint8Array: (begin: number, length: number) =>
      Promise.resolve(source.read(begin, Math.min(source.size, begin + length))),
  };
  try {
    // Names are only ever looked up, so that none of them is dangerous.
    const options = { strictness: "balanced", filenameValidation: "tolerant" } as const;
    return await new ZipReader(input as never, options).getEntries();
  } catch (cause) {
    const message = (cause as Error).message;
    throw new CheckpointError(
      /end of central directory/i.test(message)
        ? `Cannot read ${source.path}: the file is cut, it has no end-of-central-directory record of a zip archive`
        : `Cannot read ${source.path}: its zip directory is broken (${message})`,
      { cause },
    );
  }
}

function checkedEntry(entry: RawEntry, fileSize: number, where: string): ZipEntry {
  const { filename, offset, compressedSize, uncompressedSize, compressionMethod, encrypted, signature } =
    entry;
  const refuse = (defect: string): never => {
    throw new CheckpointError(`${where} ${defect}`);
  };
  if (encrypted) refuse("is encrypted");
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    refuse(`has compression method ${compressionMethod}, wanted stored (0) or deflated (8)`);
  }
  const end = offset + LOCAL_HEADER_BYTES + compressedSize;
  if (end > fileSize) refuse(`ends at byte ${end} or later, the file has ${fileSize} bytes`);
  const deflated = compressionMethod === DEFLATED;
  if (deflated ? uncompressedSize > compressedSize * MAX_INFLATION : uncompressedSize !== compressedSize) {
    refuse(`announces ${uncompressedSize} bytes in ${compressedSize}`);
  }
  return {
    name: filename,
    size: uncompressedSize,
    compressedSize,
    deflated,
    crc32: signature ?? 0,
    offset,
  };
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
