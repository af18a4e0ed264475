import { BufferPool } from "./buffer_pool.ts";
import type { Failures } from "./failures.ts";
import { readBack } from "./readback.ts";

/** Timestamps in one query set, a limit of the WebGPU specification; a pass takes two. */
const MAX_QUERIES = 4096;
const BYTES_PER_QUERY = 8;
const NANOSECONDS_PER_MICROSECOND = 1000;

/** GPU times by timestamp queries at the beginning and end of compute passes. */
export class Timestamps {
  /** Buffers that query sets resolve into. */
  readonly buffers: BufferPool;

  constructor(readonly failures: Failures, readonly staging: BufferPool) {
    this.buffers = new BufferPool(failures, {
      label: "timestamp",
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      maxBytes: MAX_QUERIES * BYTES_PER_QUERY,
      maxBytesName: "query count in bytes",
    });
  }

  /**
   * Microseconds of each item, in order; each runs in a pass of its own.
   *
   * @throws {DeviceError} when anything submitted so far has failed
   */
  async measure<T>(
    items: readonly T[],
    encode: (pass: GPUComputePassEncoder, item: T) => void,
    guard: (part: readonly T[], action: () => void) => void,
  ): Promise<number[]> {
    const times: number[] = [];
    for (let from = 0; from < items.length; from += MAX_QUERIES / 2) {
      const part = items.slice(from, from + MAX_QUERIES / 2);
      times.push(...await this.#measurePart(part, encode, guard));
    }
    return times;
  }

  async #measurePart<T>(
    part: readonly T[],
    encode: (pass: GPUComputePassEncoder, item: T) => void,
    guard: (part: readonly T[], action: () => void) => void,
  ): Promise<number[]> {
    const { gpu } = this.failures;
    const count = part.length * 2;
    const bytes = count * BYTES_PER_QUERY;
    const querySet = gpu.createQuerySet({ type: "timestamp", count });
    const resolved = this.buffers.allocate(bytes);
    try {
      guard(part, () => {
        const encoder = gpu.createCommandEncoder();
        part.forEach((item, i) => {
          const timestampWrites = {
            querySet,
            beginningOfPassWriteIndex: 2 * i,
            endOfPassWriteIndex: 2 * i + 1,
          };
          const pass = encoder.beginComputePass({ timestampWrites });
          encode(pass, item);
          pass.end();
        });
        encoder.resolveQuerySet(querySet, 0, count, resolved.block.gpu, 0);
        gpu.queue.submit([encoder.finish()]);
      });
      const copied = await readBack(this.failures, this.staging, bytes, (encoder, staging) => {
        encoder.copyBufferToBuffer(resolved.block.gpu, 0, staging, 0, bytes);
      });
      const ticks = new BigUint64Array(copied);
      // A counter may restart between two stamps, as the specification warns.
      return part.map((_, i) =>
        Math.max(0, Number(ticks[2 * i + 1] - ticks[2 * i])) / NANOSECONDS_PER_MICROSECOND
      );
    } finally {
      querySet.destroy();
      this.buffers.release(resolved);
    }
  }
}
