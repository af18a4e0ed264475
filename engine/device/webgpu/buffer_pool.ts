import { BYTES_PER_ELEMENT, type HostArray } from "../../core/dtype.ts";
import { DeviceError } from "../../core/errors.ts";
import type { BackendBuffer } from "../backend.ts";
import { type Failures, oneLine } from "./failures.ts";

/** A GPUBuffer, alive until the pool destroys it; many tensors use it one after the other. */
export interface Block {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Bytes of the GPUBuffer, at least those that its user asked for. */
  readonly size: number;
}

/** Bytes handed out by a pool. Contents are unspecified: a reused block holds what its last user left. */
export class WebGpuBuffer implements BackendBuffer {
  #block: Block | undefined;
  readonly #whole: WebGpuBuffer | undefined;

  /**
   * Made by `allocate` around a block, and by `slice` as a part of another buffer.
   *
   * @param offset first byte in the GPUBuffer
   */
  constructor(
    readonly pool: BufferPool,
    readonly bytes: number,
    source: Block | WebGpuBuffer,
    readonly offset: number = 0,
  ) {
    if (source instanceof WebGpuBuffer) this.#whole = source;
    else this.#block = source;
  }

  /**
   * The GPUBuffer behind it.
   *
   * @throws {DeviceError} when the buffer was released
   */
  get block(): Block {
    if (this.#whole) return this.#whole.block;
    if (this.#block) return this.#block;
    throw new DeviceError(`Cannot use a buffer of ${this.bytes} bytes: it was released`);
  }

  /**
   * Some of its bytes; all of them give the buffer itself.
   *
   * @throws {DeviceError} when there are not as many
   */
  part(offset: number, bytes: number): WebGpuBuffer {
    if (offset === 0 && bytes === this.bytes) return this;
    if (offset + bytes > this.bytes) {
      throw new DeviceError(
        `Cannot use bytes ${offset} to ${offset + bytes} of a buffer of ${this.bytes} bytes`,
      );
    }
    return new WebGpuBuffer(this.pool, bytes, this, this.offset + offset);
  }

  /**
   * Takes the block away: any later use throws.
   *
   * @throws {DeviceError} when the buffer was released before, or is a part of another one
   */
  detach(): Block {
    if (this.#whole) {
      throw new DeviceError(`Cannot release ${this.bytes} bytes: they are a part of a buffer`);
    }
    const block = this.block;
    this.#block = undefined;
    return block;
  }
}

/** What a pool makes and how large. */
export interface PoolOptions {
  readonly label: string;
  readonly usage: GPUBufferUsageFlags;
  /** Most bytes of one buffer, and the limit that says so. */
  readonly maxBytes: number;
  readonly maxBytesName: string;
  /** Called before a block is destroyed, so that bind groups can let go of it. */
  readonly onDestroy?: (block: Block) => void;
}

/** Idle bytes that a pool may keep beyond its peak: enough for the small buffers of any step. */
const SLACK_BYTES = 64 << 20;
/** Reserved bytes may exceed the peak of live bytes by this factor before idle blocks are destroyed. */
const MAX_OVERHEAD = 1.25;

let nextBlockId = 1;

/**
 * GPU buffers by size class, reused in queue order.
 *
 * The queue runs writes, copies and passes in the order of submission, so a released block can be handed out at
 * once: its next user's commands come after its last user's. Blocks are destroyed explicitly, oldest first, since
 * buffers left to the garbage collector leak (it sees a small object, not the megabytes behind it).
 */
export class BufferPool {
  readonly #blocks = new Set<Block>();
  readonly #free = new Map<number, Block[]>();
  /** Free blocks in the order of their release. */
  readonly #idle = new Set<Block>();
  #live = 0;
  #peak = 0;
  #reserved = 0;

  constructor(readonly failures: Failures, readonly options: PoolOptions) {}

  /** Bytes now handed out. */
  get live(): number {
    return this.#live;
  }

  /** Bytes of all GPUBuffers of the pool, in use or idle. */
  get reserved(): number {
    return this.#reserved;
  }

  /** GPUBuffers of the pool, in use or idle. */
  get count(): number {
    return this.#blocks.size;
  }

  /**
   * Hands out `bytes` bytes.
   *
   * @throws {DeviceError} when one buffer cannot be as large
   */
  allocate(bytes: number): WebGpuBuffer {
    const { label, maxBytes, maxBytesName } = this.options;
    if (bytes > maxBytes) {
      throw new DeviceError(
        `Cannot allocate a ${label} buffer of ${bytes} bytes: the adapter's ${maxBytesName} is ${maxBytes}`,
      );
    }
    const size = Math.min(sizeClass(bytes), maxBytes);
    this.#live += bytes;
    this.#peak = Math.max(this.#peak, this.#live);
    const block = this.#free.get(size)?.pop() ?? this.#create(size);
    this.#idle.delete(block);
    return new WebGpuBuffer(this, bytes, block);
  }

  /**
   * Takes a buffer back; after `dispose` there is nothing left to take.
   *
   * @throws {DeviceError} when it was released before
   */
  release(buffer: WebGpuBuffer): void {
    const block = buffer.detach();
    if (!this.#blocks.has(block)) return;
    this.#live -= buffer.bytes;
    const list = this.#free.get(block.size);
    if (list) list.push(block);
    else this.#free.set(block.size, [block]);
    this.#idle.add(block);
  }

  /** Destroys every GPUBuffer, in use or idle. */
  dispose(): void {
    for (const block of this.#blocks) this.#destroy(block);
    this.#free.clear();
    this.#idle.clear();
    this.#live = 0;
  }

  #create(size: number): Block {
    this.#trim(size);
    const { label, usage } = this.options;
    const gpu = this.failures.scoped(
      "out-of-memory",
      "call",
      () => this.failures.gpu.createBuffer({ label, size, usage }),
      ({ message }) =>
        new DeviceError(
          `Cannot allocate a ${label} buffer of ${size} bytes: out of memory (${oneLine(message)})`,
        ),
    );
    const block = { id: nextBlockId++, gpu, size };
    this.#blocks.add(block);
    this.#reserved += size;
    return block;
  }

  #trim(wanted: number): void {
    const most = this.#peak * MAX_OVERHEAD + SLACK_BYTES;
    for (const block of this.#idle) {
      if (this.#reserved + wanted <= most) return;
      this.#idle.delete(block);
      // Blocks of one class are pushed in the order of release and popped from the end: the oldest is first.
      this.#free.get(block.size)?.shift();
      this.#destroy(block);
    }
  }

  #destroy(block: Block): void {
    this.options.onDestroy?.(block);
    block.gpu.destroy();
    this.#blocks.delete(block);
    this.#reserved -= block.size;
  }
}

/** Rounds up to one of eight steps an octave, multiples of 16: at most an eighth is wasted above 128 bytes. */
export function sizeClass(bytes: number): number {
  const octave = 2 ** Math.floor(Math.log2(Math.max(bytes, 1)));
  const step = Math.max(16, octave / 8);
  return Math.max(16, Math.ceil(bytes / step) * step);
}

/** What is written to a buffer: WebGPU takes whole words, so an odd number of `f16` elements gets a zero behind it. */
export function wholeWords(data: HostArray): HostArray | Uint8Array<ArrayBuffer> {
  if (!(data instanceof Float16Array)) return data;
  const bytes = new Uint8Array(Math.ceil(data.byteLength / BYTES_PER_ELEMENT) * BYTES_PER_ELEMENT);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return bytes;
}
