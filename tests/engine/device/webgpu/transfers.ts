import type { WebGpuBackend } from "../../../../engine/device/webgpu/backend.ts";

/** Counts what passes between host and GPU while an action runs: submits and readbacks. */
export async function countTransfers(
  backend: WebGpuBackend,
  action: () => unknown,
): Promise<{ submits: number; reads: number }> {
  const { queue } = backend.gpu;
  const [submit, map] = [queue.submit, GPUBuffer.prototype.mapAsync];
  let [submits, reads] = [0, 0];
  queue.submit = (buffers) => (submits++, submit.call(queue, buffers));
  GPUBuffer.prototype.mapAsync = function (...args) {
    reads++;
    return map.apply(this, args);
  };
  try {
    await action();
  } finally {
    queue.submit = submit;
    GPUBuffer.prototype.mapAsync = map;
  }
  return { submits, reads };
}
