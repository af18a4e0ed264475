import { DeviceError } from "../../core/errors.ts";
import { formatSpec } from "../../core/spec.ts";
import type { CpuCall } from "../../kernel.ts";
import type { BackendBuffer, Bound, Call, Lowered } from "../backend.ts";

/** A block of the device's memory. */
export class CpuBuffer implements BackendBuffer {
  #released = false;

  /** Made by `allocate`, and by `slice` as a part of `whole`. */
  constructor(readonly address: number, readonly bytes: number, readonly whole?: CpuBuffer) {}

  /** Whether its bytes were given back. */
  get released(): boolean {
    return this.whole?.released ?? this.#released;
  }

  /** Called by `release`. */
  markReleased(): void {
    this.#released = true;
  }
}

/** The calls of a kernel at fixed specs. */
export class CpuLowered implements Lowered {
  /** Made by `lower`. */
  constructor(
    readonly call: Call,
    readonly calls: readonly CpuCall[],
    readonly scratchBytes: readonly number[],
    /** Whether the kernel's reference runs instead of calls. */
    readonly slow: boolean,
  ) {}
}

/** Call records in the device's memory. */
export class CpuBound implements Bound {
  /** Cleared by `unbind`. */
  live = true;

  /** Made by `bind`. */
  constructor(
    readonly lowered: CpuLowered,
    readonly addresses: readonly number[],
    readonly block: number,
    readonly records: readonly number[],
    /** Whether any of the calls has work for two lanes. */
    readonly parallel: boolean,
  ) {}

  /** Calls, or one where the reference runs. */
  get launches(): number {
    return this.lowered.slow ? 1 : this.records.length;
  }
}

/**
 * Checks that a buffer is this device's and live.
 *
 * @throws {DeviceError} otherwise
 */
export function expectBuffer(buffer: BackendBuffer, action: string): CpuBuffer {
  if (buffer instanceof CpuBuffer && !buffer.released) return buffer;
  const what = buffer instanceof CpuBuffer ? "a buffer that was released" : "a buffer of another device";
  throw new DeviceError(`Cannot ${action} ${what}`);
}

/** The error for call `index` of the records of `list` from entry `from` on. */
export function trapError(list: readonly Bound[], from: number, index: number, cause?: unknown): DeviceError {
  let i = from;
  for (; index >= (list[i] as CpuBound).records.length; i++) index -= (list[i] as CpuBound).records.length;
  const { kernel, inputs } = (list[i] as CpuBound).lowered.call;
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new DeviceError(
    `Cannot run "${kernel.name}" on ${inputs.map(formatSpec).join(", ")}, its WASM code trapped${reason}`,
    { cause },
  );
}
