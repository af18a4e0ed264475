import { byteLength, type Spec } from "../core/spec.ts";
import type { Device } from "../device/device.ts";
import { Storage, Tensor } from "../tensor.ts";
import type { ApplyRecord, Executor } from "./executor.ts";

/** A recorded call: inputs and outputs are tensors whose storage is planned later. */
export interface RecordedCall extends ApplyRecord {
  /** Tensors whose memory is planned later. */
  readonly outputs: readonly Tensor[];
}

/** Appends calls to a list; nothing runs. */
export class Recorder implements Executor {
  readonly calls: RecordedCall[] = [];

  constructor(private readonly device: Device) {}

  run(record: ApplyRecord, specs: readonly Spec[]): Tensor[] {
    const outputs = specs.map((spec) =>
      new Tensor(this.device, spec, new Storage(byteLength(spec), "planned"))
    );
    this.calls.push({ ...record, outputs });
    return outputs;
  }
}
