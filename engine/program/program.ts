import { formatSpec } from "../core/spec.ts";
import type { BackendBuffer, Bound, Lowered } from "../device/backend.ts";
import type { Device } from "../device/device.ts";
import type { Cost } from "../kernel.ts";
import type { Storage, Tensor } from "../tensor.ts";
import { leaveOutCopies } from "./copies.ts";
import { type Interval, planMemory } from "./planner.ts";
import type { RecordedCall } from "./recorder.ts";

/** A recorded call list with planned memory: `run` replays it as one submit, allocating nothing. */
export class Program<R extends Record<string, Tensor> = Record<string, Tensor>> implements Disposable {
  #buffers: BackendBuffer[];
  #bound: readonly Bound[];

  private constructor(
    readonly device: Device,
    readonly name: string,
    readonly calls: readonly RecordedCall[],
    /** Tensors that stay readable between runs. */
    readonly results: R,
    buffers: BackendBuffer[],
    bound: readonly Bound[],
    private readonly planned: readonly Storage[],
    /** Most bytes at once that a forward pass, or a block that runs again, leaves for a backward pass. */
    readonly keptBytes: number,
  ) {
    this.#buffers = buffers;
    this.#bound = bound;
  }

  /** Plans memory, compiles and binds. Called by `device.record`. */
  static async build<R extends Record<string, Tensor>>(
    device: Device,
    name: string,
    recorded: readonly RecordedCall[],
    results: R,
  ): Promise<Program<R>> {
    const { backend } = device;
    const kept = new Set(Object.values(results).map((tensor) => tensor.storage));
    const { calls, homes } = leaveOutCopies(recorded, kept);
    const lowered = calls.map((call) =>
      backend.lower({
        kernel: call.kernel,
        inputs: call.inputs.map((input) => input.spec),
        outputs: call.outputs.map((output) => output.spec),
        attrs: call.attrs,
        path: call.path,
      })
    );
    await backend.warm(lowered);
    const lives = livesOf(calls, lowered, kept, homes);
    const plan = planMemory(lives.intervals);
    const buffers = plan.slotBytes.map((bytes) => backend.allocate(bytes));
    lives.storages.forEach((storage, i) => storage.buffer = buffers[plan.slots[i]]);
    for (const [storage, home] of homes) storage.buffer = home.buffer;
    const bound = calls.map((call, i) => {
      const scratch = lives.scratch[i].map((interval) => buffers[plan.slots[interval]]);
      const tensors = [...call.inputs, ...call.outputs].map((tensor) => tensor.buffer());
      return backend.bind(lowered[i], [...tensors, ...scratch]);
    });
    for (const storage of [...lives.storages, ...homes.keys()]) {
      if (!kept.has(storage)) storage.buffer = undefined;
    }
    const waiting = keptBytes(calls, lives.intervals);
    return new Program(device, name, calls, results, buffers, bound, lives.storages, waiting);
  }

  /** Replays every call, in order. Returns at once on WebGPU; read a result to wait. */
  run(): void {
    this.device.backend.submit(this.#bound);
  }

  /** The bound calls, in order; for the profiler. */
  get bound(): readonly Bound[] {
    return this.#bound;
  }

  /** Bytes of the planned buffers: activations, gradients and scratch. */
  get plannedBytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.bytes, 0);
  }

  /** Device launches of one run. */
  get launches(): number {
    return this.#bound.reduce((sum, bound) => sum + bound.launches, 0);
  }

  /** Work of one run, from every kernel's own cost rule. */
  cost(): Cost {
    let [flops, bytesRead, bytesWritten] = [0, 0, 0];
    for (const { kernel, inputs, attrs } of this.calls) {
      const cost = kernel.cost(inputs.map((input) => input.spec), attrs);
      flops += cost.flops;
      bytesRead += cost.bytesRead;
      bytesWritten += cost.bytesWritten;
    }
    return { flops, bytesRead, bytesWritten };
  }

  /** One line a call: number, module, kernel, inputs and outputs. */
  toString(): string {
    const lines = this.calls.map(({ kernel, inputs, outputs, path }, i) => {
      const args = inputs.map((input) => formatSpec(input.spec)).join(", ");
      const made = outputs.map((output) => formatSpec(output.spec)).join(", ") || "in place";
      return `${String(i).padStart(4)}  ${path.padEnd(34)}  ${kernel.name}(${args}) -> ${made}`;
    });
    const mib = (this.plannedBytes / 2 ** 20).toFixed(1);
    return [
      `program "${this.name}": ${this.calls.length} calls, ${this.launches} launches, ${mib} MiB planned`,
      ...lines,
    ].join("\n");
  }

  /** Releases the planned memory. */
  [Symbol.dispose](): void {
    const { backend } = this.device;
    for (const bound of this.#bound) backend.unbind(bound);
    for (const buffer of this.#buffers) backend.release(buffer);
    for (const storage of this.planned) storage.buffer = undefined;
    this.#bound = [];
    this.#buffers = [];
  }
}

interface Lives {
  readonly storages: readonly Storage[];
  /** The storages' intervals, in their order, then the scratch intervals. */
  readonly intervals: readonly Interval[];
  /** For each call, the indices of its scratch intervals. */
  readonly scratch: readonly (readonly number[])[];
}

function livesOf(
  calls: readonly RecordedCall[],
  lowered: readonly Lowered[],
  kept: ReadonlySet<Storage>,
  homes: ReadonlyMap<Storage, Storage>,
): Lives {
  const spans = new Map<Storage, { first: number; last: number }>();
  calls.forEach((call, i) => {
    for (const { storage } of [...call.inputs, ...call.outputs]) {
      if (storage.lifetime !== "planned" || homes.has(storage)) continue;
      const span = spans.get(storage);
      if (span) span.last = i;
      else spans.set(storage, { first: i, last: i });
    }
  });
  for (const storage of kept) {
    const span = spans.get(storage);
    // A result is read between runs, so nothing may share its buffer, neither before nor after.
    if (span) [span.first, span.last] = [0, calls.length];
  }
  const storages = [...spans.keys()];
  const intervals: Interval[] = storages.map((storage) => ({
    bytes: storage.bytes,
    ...spans.get(storage)!,
  }));
  const scratch = lowered.map(({ scratchBytes }, i) =>
    scratchBytes.map((bytes) => intervals.push({ bytes, first: i, last: i }) - 1)
  );
  return { storages, intervals, scratch };
}

/** The most bytes that are alive where calls turn from making activations to taking them back. */
function keptBytes(calls: readonly RecordedCall[], intervals: readonly Interval[]): number {
  const turns = calls.flatMap(({ pass }, i) =>
    pass === "backward" && i > 0 && calls[i - 1].pass !== "backward" ? [i] : []
  );
  const across = (call: number) =>
    intervals.reduce((sum, { bytes, first, last }) => first < call && last >= call ? sum + bytes : sum, 0);
  return Math.max(0, ...turns.map(across));
}
