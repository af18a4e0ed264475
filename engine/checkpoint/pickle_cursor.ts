import { CheckpointError } from "../core/errors.ts";
import type { ByteSource } from "./byte_source.ts";

/** Longest pickle that is read. That of a model with 10,000 tensors and their moments has 4 MB. */
export const MAX_PICKLE_BYTES: number = 2 ** 26;

const BLOCK = 2 ** 16;
const MAX_LINE = 1000;

/** Reads the bytes of a pickle in order, a block at a time, never past the end of the file. */
export class PickleCursor {
  readonly #limit: number;
  #position: number;
  #block: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
  #blockBegin = 0;

  /** A cursor over `source` that begins at byte `position`. */
  constructor(readonly source: ByteSource, position = 0) {
    this.#position = position;
    this.#limit = Math.min(source.size, position + MAX_PICKLE_BYTES);
  }

  /** Offset in the source of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** Bytes up to the end. */
  get left(): number {
    return this.#limit - this.#position;
  }

  /**
   * Throws an error that names the file.
   *
   * @throws {CheckpointError} always
   */
  refuse(defect: string): never {
    throw new CheckpointError(`Cannot read ${this.source.path}: ${defect}`);
  }

  /** An unsigned integer of one byte. */
  uint8(): number {
    const at = this.#take(1);
    return this.#block.getUint8(at);
  }

  /** An unsigned integer of two bytes. */
  uint16(): number {
    const at = this.#take(2);
    return this.#block.getUint16(at, true);
  }

  /** A signed integer of four bytes. */
  int32(): number {
    const at = this.#take(4);
    return this.#block.getInt32(at, true);
  }

  /** An unsigned integer of four bytes. */
  uint32(): number {
    const at = this.#take(4);
    return this.#block.getUint32(at, true);
  }

  /** An unsigned integer of eight bytes; inexact beyond 2^53, where no length is valid. */
  uint64(): number {
    const at = this.#take(8);
    return Number(this.#block.getBigUint64(at, true));
  }

  /** A big-endian number of eight bytes. */
  float64(): number {
    const at = this.#take(8);
    return this.#block.getFloat64(at, false);
  }

  /** The next `length` bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    if (length <= BLOCK) {
      const at = this.#take(length);
      return new Uint8Array(this.#block.buffer.slice(at, at + length));
    }
    this.expect(length);
    const begin = this.#position;
    this.#position += length;
    return this.source.read(begin, begin + length);
  }

  /** The next `length` bytes as text. */
  text(length: number): string {
    const at = length <= BLOCK ? this.#take(length) : -1;
    const bytes = at < 0 ? this.bytes(length) : new Uint8Array(this.#block.buffer, at, length);
    try {
      return UTF8.decode(bytes);
    } catch {
      return this.refuse(`the text at byte ${this.#position - length} of the pickle is not UTF-8`);
    }
  }

  /** Text up to a line feed, which is skipped. */
  line(): string {
    const codes: number[] = [];
    for (let code = this.uint8(); code !== 0x0a; code = this.uint8()) {
      if (codes.push(code) > MAX_LINE) {
        this.refuse(`a line of the pickle has more than ${MAX_LINE} characters`);
      }
    }
    return new TextDecoder().decode(Uint8Array.from(codes));
  }

  /**
   * Makes sure that `count` bytes follow, before anything is allocated for them.
   *
   * @throws {CheckpointError} when they don't
   */
  expect(count: number): void {
    if (count <= this.left) return;
    if (this.#limit < this.source.size) {
      this.refuse(`its pickle is longer than ${MAX_PICKLE_BYTES} bytes, the most that is read`);
    }
    this.refuse(
      `its pickle is cut at byte ${this.#position}: ${count} more bytes wanted, ${this.left} found`,
    );
  }

  /** Skips `count` bytes, at most a block, and gives their place in the block that holds all of them. */
  #take(count: number): number {
    this.expect(count);
    const begin = this.#position;
    if (begin < this.#blockBegin || begin + count > this.#blockBegin + this.#block.byteLength) {
      const end = Math.min(this.#limit, begin + BLOCK);
      this.#block = new DataView(this.source.read(begin, end).buffer);
      this.#blockBegin = begin;
    }
    this.#position = begin + count;
    return begin - this.#blockBegin;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
