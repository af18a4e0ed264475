import type { Spec } from "../core/spec.ts";
import type { Device } from "../device/device.ts";
import type { AnyKernel } from "../kernel.ts";
import type { Tensor } from "../tensor.ts";

/** One kernel call on tensors: what the tape and the recorder keep. */
export interface ApplyRecord {
  /** What ran. */
  readonly kernel: AnyKernel;
  /** What it read. */
  readonly inputs: readonly Tensor[];
  /** Its attributes. */
  readonly attrs: unknown;
  /** Module path at the call, as in `blocks.3.attn`. */
  readonly path: string;
  /** Which part of a differentiated function made the call. */
  readonly pass: Pass;
}

/** Parts of a differentiated function; `again` is the second run of a checkpointed block, within the backward pass. */
export type Pass = "forward" | "again" | "backward";

/** Decides what `apply` means: run now, or append to a program. */
export interface Executor {
  run(record: ApplyRecord, outputs: readonly Spec[]): Tensor[];
}

/** Runs every kernel at once: for tests, notebooks and debugging. */
export class EagerExecutor implements Executor {
  constructor(private readonly device: Device) {}

  run(record: ApplyRecord, specs: readonly Spec[]): Tensor[] {
    const { backend } = this.device;
    const outputs = specs.map((spec) => this.device.allocateScoped(spec));
    const lowered = backend.lower({
      kernel: record.kernel,
      inputs: record.inputs.map((input) => input.spec),
      outputs: specs,
      attrs: record.attrs,
      path: record.path,
    });
    const scratch = lowered.scratchBytes.map((bytes) => backend.allocate(bytes));
    const buffers = [...record.inputs, ...outputs].map((tensor) => tensor.buffer());
    const bound = backend.bind(lowered, [...buffers, ...scratch]);
    backend.submit([bound]);
    backend.unbind(bound);
    for (const buffer of scratch) backend.release(buffer);
    this.device.afterKernel?.(outputs, record.kernel.name, record.path);
    return outputs;
  }
}
