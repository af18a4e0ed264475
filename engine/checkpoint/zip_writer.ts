/**
 * Writes zip archives as PyTorch does: entries stored, each aligned to 64 bytes so that a reader can map it into memory,
 * with 64-bit fields where they are needed. zip.js cannot align entries. Equal entries give equal bytes.
 *
 * Source: the format's APPNOTE.TXT 6.3, sections 4.3 and 4.5.3.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { replaceFile } from "./atomic_file.ts";

/** One entry to write. */
export interface ZipInput {
  /** Path in the archive. */
  readonly name: string;
  /** Fetches the bytes when their turn has come. */
  readonly bytes: () => Uint8Array | Promise<Uint8Array>;
}

const ALIGNMENT = 64;

/** Values from here on are in a 64-bit field. */
const LIMIT_32 = 0xffffffff;
const LIMIT_16 = 0xffff;

const VERSION = 45;
const UTF8_NAMES = 0x0800;

/** 1 January 1980, the first that there is. */
const DATE = 0x0021;

/** Id of the extra field that fills up to the alignment; PyTorch's own. */
const PADDING_ID = 0x4246;
const ZIP64_ID = 0x0001;

interface Written {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly offset: number;
}

/**
 * Writes an archive in one atomic step, one entry in memory at a time; see `replaceFile()`.
 *
 * @throws {CheckpointError} when the file cannot be written; what an entry's `bytes()` throws passes through
 */
export async function writeZip(path: string, entries: readonly ZipInput[]): Promise<void> {
  await replaceFile(path, async (append) => {
    let offset = 0;
    const put = async (bytes: Uint8Array) => {
      await append(bytes);
      offset += bytes.length;
    };
    const written: Written[] = [];
    for (const entry of entries) {
      const bytes = await entry.bytes();
      const name = new TextEncoder().encode(entry.name);
      const own = { name, size: bytes.length, crc: crc32(bytes), offset };
      written.push(own);
      await put(localHeader(own));
      await put(bytes);
    }
    const directory = written.map(directoryRecord);
    const begin = offset;
    for (const record of directory) await put(record);
    await put(endOfDirectory(written.length, begin, offset - begin));
  });
}

function localHeader({ name, size, crc, offset }: Written): Uint8Array {
  const wide = size >= LIMIT_32;
  const fields = new Fields();
  fields.uint32(0x04034b50).common(crc, size, wide);
  const zip64 = new Fields();
  if (wide) zip64.uint16(ZIP64_ID).uint16(16).uint64(size).uint64(size);
  const before = offset + 30 + name.length + zip64.length + 4;
  const padding = (ALIGNMENT - before % ALIGNMENT) % ALIGNMENT;
  zip64.uint16(PADDING_ID).uint16(padding).append(new Uint8Array(padding));
  return fields.uint16(name.length).uint16(zip64.length).append(name).append(zip64.bytes).bytes;
}

function directoryRecord({ name, size, crc, offset }: Written): Uint8Array {
  const wide = size >= LIMIT_32;
  const far = offset >= LIMIT_32;
  const extra = new Fields();
  if (wide || far) {
    extra.uint16(ZIP64_ID).uint16((wide ? 16 : 0) + (far ? 8 : 0));
    if (wide) extra.uint64(size).uint64(size);
    if (far) extra.uint64(offset);
  }
  return new Fields()
    .uint32(0x02014b50).uint16(VERSION).common(crc, size, wide)
    .uint16(name.length).uint16(extra.length)
    // Comment, disk, internal and external attributes.
    .uint16(0).uint16(0).uint16(0).uint32(0)
    .uint32(far ? LIMIT_32 : offset).append(name).append(extra.bytes).bytes;
}

function endOfDirectory(count: number, begin: number, size: number): Uint8Array {
  const fields = new Fields();
  if (count >= LIMIT_16 || begin >= LIMIT_32 || size >= LIMIT_32) {
    fields.uint32(0x06064b50).uint64(44).uint16(VERSION).uint16(VERSION).uint32(0).uint32(0)
      .uint64(count).uint64(count).uint64(size).uint64(begin);
    fields.uint32(0x07064b50).uint32(0).uint64(begin + size).uint32(1);
  }
  const few = Math.min(count, LIMIT_16);
  return fields.uint32(0x06054b50).uint16(0).uint16(0).uint16(few).uint16(few)
    .uint32(Math.min(size, LIMIT_32)).uint32(Math.min(begin, LIMIT_32)).uint16(0).bytes;
}

/** Little-endian fields, one after another. */
class Fields {
  #parts: number[] = [];

  get length(): number {
    return this.#parts.length;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }

  uint16(value: number): this {
    this.#parts.push(value & 0xff, value >>> 8);
    return this;
  }

  uint32(value: number): this {
    return this.uint16(value & 0xffff).uint16(value >>> 16);
  }

  uint64(value: number): this {
    return this.uint32(value % 2 ** 32).uint32(Math.floor(value / 2 ** 32));
  }

  append(bytes: Uint8Array): this {
    for (const byte of bytes) this.#parts.push(byte);
    return this;
  }

  /** From the version that is needed to the sizes, as both headers have it: stored, not compressed. */
  common(crc: number, size: number, wide: boolean): this {
    const short = wide ? LIMIT_32 : size;
    return this.uint16(VERSION).uint16(UTF8_NAMES).uint16(0).uint16(0).uint16(DATE)
      .uint32(crc).uint32(short).uint32(short);
  }
}
