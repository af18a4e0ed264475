import { DeviceError } from "../../core/errors.ts";
import { ALIGNMENT, Allocator } from "./allocator.ts";
import { MAX_PAGES } from "./wasm/module_builder.ts";

const PAGE = 65536;
/** Least growth in pages (16 MiB), so that many small requests do not each grow the memory. */
const GROWTH = 256;

/** Where a `CpuMemory` differs from the default. */
export interface CpuMemoryOptions {
  /** Most pages of 64 KiB; 65,536 (4 GiB) unless given. */
  readonly maximumPages?: number;
  /** False forces memory that cannot be given to workers. */
  readonly shared?: boolean;
}

/**
 * The one WebAssembly memory that all tensors of a CPU device live in. Blocks start at multiples of 64 bytes and have
 * at least 64 spare bytes behind them, so that kernels may read whole vectors past the end. Blocks are not zeroed.
 */
export class CpuMemory {
  /** What modules import. */
  readonly memory: WebAssembly.Memory;
  /** Whether workers can see it; false where the runtime has no shared memory. */
  readonly shared: boolean;
  readonly #allocator = new Allocator(ALIGNMENT);
  readonly #maximumPages: number;

  /** Starts with one page. */
  constructor({ maximumPages = MAX_PAGES, shared = true }: CpuMemoryOptions = {}) {
    this.#maximumPages = maximumPages;
    this.memory = makeMemory(maximumPages, shared);
    this.shared = !(this.memory.buffer instanceof ArrayBuffer);
    this.#allocator.extend(PAGE - ALIGNMENT);
  }

  /** Bytes that the memory holds now; it never shrinks. */
  get reserved(): number {
    return this.memory.buffer.byteLength;
  }

  /** Bytes of blocks in use, their padding included. */
  get used(): number {
    return this.#allocator.used;
  }

  /**
   * Address of a block of `bytes` bytes.
   *
   * @throws {DeviceError} when 4 GiB are not enough or the machine has no more
   */
  allocate(bytes: number): number {
    const size = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT + ALIGNMENT;
    const address = this.#allocator.take(size) ?? (this.#grow(size) ? this.#allocator.take(size) : undefined);
    if (address !== undefined) return address;
    const rest = this.#maximumPages * PAGE - this.#allocator.end;
    const largest = Math.max(this.#allocator.largestFree, rest + this.#allocator.freeTail);
    throw new DeviceError(
      `Cannot allocate ${mebibytes(bytes)} on the cpu device: ${mebibytes(this.used)} of ` +
        `${mebibytes(this.#maximumPages * PAGE)} are in use and the largest free block is ${
          mebibytes(largest)
        }; ` +
        "a smaller train.batch_size (optim.accumulation keeps the update the same) or a smaller model needs less",
    );
  }

  /**
   * Gives a block back.
   *
   * @throws {DeviceError} when no block starts there
   */
  free(address: number): void {
    if (!this.#allocator.give(address)) {
      throw new DeviceError(`Cannot free address ${address} of the cpu device: no block in use starts there`);
    }
  }

  /** A view of bytes, valid until the next allocation. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  /** A view of 32-bit words, valid until the next allocation. */
  words(address: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, address, length);
  }

  #grow(size: number): boolean {
    const pages = this.reserved / PAGE;
    const needed = Math.ceil((size - this.#allocator.freeTail) / PAGE);
    const room = this.#maximumPages - pages;
    const wished = Math.min(room, Math.max(needed, GROWTH, Math.ceil(pages / 8)));
    for (const extra of [wished, needed]) {
      if (extra < needed || extra > room) continue;
      try {
        this.memory.grow(extra);
      } catch {
        continue; // The machine refused: less may do.
      }
      this.#allocator.extend(extra * PAGE);
      return true;
    }
    return false;
  }
}

function makeMemory(maximum: number, shared: boolean): WebAssembly.Memory {
  if (shared) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared });
    } catch {
      // The runtime has no shared memory (a page that is not cross-origin isolated): one thread then.
    }
  }
  return new WebAssembly.Memory({ initial: 1, maximum });
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
