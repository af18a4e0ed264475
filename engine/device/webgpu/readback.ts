import { DeviceError } from "../../core/errors.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Failures, oneLine } from "./failures.ts";

/**
 * Copies `bytes` bytes to the host: `encode` writes the copy into a staging buffer at once, in queue order, and the
 * promise resolves when the queue has come that far (11 ms at least in Deno).
 *
 * @throws {DeviceError} when anything submitted so far has failed
 */
export async function readBack(
  failures: Failures,
  pool: BufferPool,
  bytes: number,
  encode: (encoder: GPUCommandEncoder, staging: GPUBuffer) => void,
): Promise<ArrayBuffer> {
  const buffer = pool.allocate(bytes);
  const staging = buffer.block.gpu;
  try {
    failures.scoped(
      "validation",
      "call",
      () => {
        const encoder = failures.gpu.createCommandEncoder();
        encode(encoder, staging);
        failures.gpu.queue.submit([encoder.finish()]);
      },
      ({ message }) => new DeviceError(`Cannot read ${bytes} bytes: ${oneLine(message)}`),
    );
    const copy = await copyOrExplain(failures, staging, bytes);
    await failures.check();
    return copy;
  } finally {
    pool.release(buffer);
  }
}

async function copyOrExplain(failures: Failures, staging: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  try {
    await staging.mapAsync(GPUMapMode.READ, 0, bytes);
    const copy = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    return copy;
  } catch (error) {
    // Mapping fails where something before it failed: that is the error worth reading.
    await failures.explain();
    const reason = error instanceof Error ? oneLine(error.message) : String(error);
    throw new DeviceError(`Cannot read ${bytes} bytes: ${reason}`, { cause: error });
  }
}
