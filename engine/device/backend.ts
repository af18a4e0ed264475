import type { HostArray } from "../core/dtype.ts";
import type { Spec } from "../core/spec.ts";
import type { AnyKernel, Limits } from "../kernel.ts";

/** The three implementations of every kernel. */
export type DeviceKind = "webgpu" | "cpu" | "reference";

/** Bytes on a device; only its backend knows what is inside. */
export interface BackendBuffer {
  /** Size, as it was asked for. */
  readonly bytes: number;
}

/** A kernel at fixed specs and attributes, ready to be bound to buffers. */
export interface Lowered {
  /** Sizes in bytes of the scratch buffers that `bind` wants after the inputs and outputs. */
  readonly scratchBytes: readonly number[];
}

/** A lowered kernel with its buffers: one entry of a flat, replayable list. */
export interface Bound {
  /** WebGPU dispatches, or CPU calls. */
  readonly launches: number;
}

/** Bytes now held by live buffers, and by the device in all (pooled buffers included). */
export interface MemoryUse {
  /** Bytes of buffers in use. */
  readonly live: number;
  /** Bytes taken from the system. */
  readonly reserved: number;
  /** Number of buffers in use. */
  readonly buffers: number;
}

/** One kernel call at fixed sizes. */
export interface Call {
  /** What to run. */
  readonly kernel: AnyKernel;
  /** Specs of the inputs. */
  readonly inputs: readonly Spec[];
  /** Specs of the outputs, as `infer` gives them. */
  readonly outputs: readonly Spec[];
  /** Attributes of the kernel. */
  readonly attrs: unknown;
  /** Module path, for errors and profiles. */
  readonly path: string;
}

/** Limits of a device: those that kernels plan by, and the largest buffer. */
export interface BackendLimits extends Limits {
  /** Bytes of one buffer. */
  readonly maxBufferSize: number;
}

/** What a device does with bytes and launches. Nothing above this interface knows which device it is. */
export interface Backend {
  /** Which of the three it is. */
  readonly kind: DeviceKind;
  /** One line for people: adapter, driver, threads. */
  readonly description: string;
  /** Rows of a tile that grouped matmuls pad each expert to. */
  readonly groupedTileRows: number;
  /** Limits that kernels plan their launches by, and buffers keep to; undefined where memory is the only one. */
  readonly limits?: BackendLimits;
  /** Most bytes that one operand of a kernel may have. */
  readonly largestOperand: number;

  /** Whether tensors may be `f16`. */
  readonly halfPrecision: boolean;

  /** Takes a buffer; its contents are undefined. */
  allocate(bytes: number): BackendBuffer;
  /** A part of a buffer, from a multiple of 256 bytes on; it goes when the buffer goes, and is not released itself. */
  slice(buffer: BackendBuffer, offset: number, bytes: number): BackendBuffer;
  /** Gives a buffer back. */
  release(buffer: BackendBuffer): void;
  /** Overwrites a buffer from the host, in queue order. */
  write(buffer: BackendBuffer, data: HostArray): void;
  /** Copies a buffer to the host once all submitted work is done. */
  read(buffer: BackendBuffer, spec: Spec): Promise<HostArray>;

  /** Chooses code for a call; cached, so that equal calls give the same object. */
  lower(call: Call): Lowered;
  /** Compiles what `lower` chose, in parallel; an eager `bind` compiles on demand. */
  warm(lowered: readonly Lowered[]): Promise<void>;
  /** Ties code to buffers: inputs, outputs, scratch. */
  bind(lowered: Lowered, buffers: readonly BackendBuffer[]): Bound;
  /** Forgets a binding that will not be submitted again. */
  unbind(bound: Bound): void;
  /** Runs a list in order: one pass and one submit on WebGPU. */
  submit(list: readonly Bound[]): void;
  /** Runs a list and gives each entry's time in microseconds, where the device can tell. */
  readonly profile?: ((list: readonly Bound[]) => Promise<number[]>) | undefined;
  /** Waits until all submitted work is done; rejects with DeviceError if any of it failed. */
  finish(): Promise<void>;

  /** Bytes in use and reserved. */
  memory(): MemoryUse;
  /** Releases every buffer and the device itself. */
  dispose(): void;
}
