/** Every address and every block size is a multiple of this many bytes: a cache line, four vectors. */
export const ALIGNMENT = 64;

/** Free blocks tried in the request's own size class before larger classes are split. */
const CLOSE_FITS = 16;

interface Block {
  readonly address: number;
  readonly size: number;
}

/**
 * Hands out parts of a range of addresses. Free neighbours merge at once; free blocks wait in classes, four to each
 * power of two, so that a request looks at a handful of blocks. Source: M. Masmano et al., TLSF: a new dynamic memory
 * allocator for real-time systems (2004).
 */
export class Allocator {
  readonly #used = new Map<number, number>();
  readonly #freeByStart = new Map<number, Block>();
  readonly #freeByEnd = new Map<number, Block>();
  readonly #classes: Set<Block>[] = [];
  #end: number;

  /** Starts with no memory; `extend` supplies it. */
  constructor(start: number) {
    this.#end = start;
  }

  /** One past the last address. */
  get end(): number {
    return this.#end;
  }

  /** Bytes at the end of the range that are free. */
  get freeTail(): number {
    return this.#freeByEnd.get(this.#end)?.size ?? 0;
  }

  /** The largest block that can be had without more memory. */
  get largestFree(): number {
    return [...this.#freeByStart.values()].reduce((most, block) => Math.max(most, block.size), 0);
  }

  /** Bytes of all blocks handed out. */
  get used(): number {
    return [...this.#used.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Adds `bytes` (a multiple of 64) at the end. */
  extend(bytes: number): void {
    const address = this.#end;
    this.#end += bytes;
    this.#insert(address, bytes);
  }

  /** Address of `size` bytes (a multiple of 64), or undefined where no free block holds them. */
  take(size: number): number | undefined {
    const block = this.#find(size);
    if (!block) return undefined;
    this.#remove(block);
    if (block.size > size) this.#add({ address: block.address + size, size: block.size - size });
    this.#used.set(block.address, size);
    return block.address;
  }

  /** Takes a block back; false where none was handed out at `address`. */
  give(address: number): boolean {
    const size = this.#used.get(address);
    if (size === undefined) return false;
    this.#used.delete(address);
    this.#insert(address, size);
    return true;
  }

  #insert(address: number, size: number): void {
    const before = this.#freeByEnd.get(address), after = this.#freeByStart.get(address + size);
    if (before) this.#remove(before);
    if (after) this.#remove(after);
    const start = before?.address ?? address;
    const end = after ? after.address + after.size : address + size;
    this.#add({ address: start, size: end - start });
  }

  #find(size: number): Block | undefined {
    const own = classOf(size);
    return firstFit(this.#classes[own], size, CLOSE_FITS) ??
      this.#firstLarger(own) ??
      firstFit(this.#classes[own], size, Infinity);
  }

  #firstLarger(own: number): Block | undefined {
    for (let i = own + 1; i < this.#classes.length; i++) {
      for (const block of this.#classes[i] ?? []) return block;
    }
    return undefined;
  }

  #add(block: Block): void {
    this.#freeByStart.set(block.address, block);
    this.#freeByEnd.set(block.address + block.size, block);
    (this.#classes[classOf(block.size)] ??= new Set()).add(block);
  }

  #remove(block: Block): void {
    this.#freeByStart.delete(block.address);
    this.#freeByEnd.delete(block.address + block.size);
    this.#classes[classOf(block.size)].delete(block);
  }
}

/** Size class: the exponent of the size in units of 64 bytes, then its next two bits. */
function classOf(size: number): number {
  const units = size / ALIGNMENT;
  const exponent = 31 - Math.clz32(units);
  return 4 * exponent + (Math.floor(units / 2 ** exponent * 4) & 3);
}

/** The exact fit among the first `tries` blocks, or else the first that is large enough. */
function firstFit(blocks: Set<Block> | undefined, size: number, tries: number): Block | undefined {
  let found: Block | undefined;
  for (const block of blocks ?? []) {
    if (block.size === size) return block;
    if (block.size > size) found ??= block;
    if (--tries <= 0) break;
  }
  return found;
}
