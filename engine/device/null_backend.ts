import type { HostArray } from "../core/dtype.ts";
import { DeviceError } from "../core/errors.ts";
import { byteLength, formatSpec, type Spec } from "../core/spec.ts";
import type { AnyKernel, Limits } from "../kernel.ts";
import { tooLarge } from "./webgpu/launch_check.ts";
import type { Backend, BackendBuffer, Bound, Call, DeviceKind, Lowered, MemoryUse } from "./backend.ts";

/** Which device a `NullBackend` stands for. */
export interface NullBackendOptions {
  /** `webgpu` unless given. */
  readonly kind?: Exclude<DeviceKind, "reference">;
  /** Threads of the `cpu` device that it stands for; one a processor unless given. */
  readonly threads?: number;
  /** Limits of the `webgpu` device that it stands for; the least that every adapter has unless given. */
  readonly limits?: Limits;
}

/** An operand that a kernel binds in one piece, and that is too large for that. */
export interface Oversized {
  /** Name of the kernel. */
  readonly kernel: string;
  /** Module path of the call. */
  readonly path: string;
  /** The operand. */
  readonly spec: Spec;
}

interface NullLowered extends Lowered {
  readonly launches: number;
}

/** A kernel without code for the CPU runs its reference there: one launch. */
function planOnCpu(kernel: AnyKernel, inputs: readonly Spec[], attrs: unknown, lanes: number): NullLowered {
  const plan = kernel.cpu?.(inputs, attrs);
  const scratch = plan?.scratch ?? [];
  return {
    launches: plan?.calls.length ?? 1,
    scratchBytes: scratch.map(({ spec, perLane }) => byteLength(spec) * (perLane ? lanes : 1)),
  };
}

/** The least that every WebGPU adapter offers, so that the plan is one that any adapter could run. */
export const DEFAULT_LIMITS: Limits = {
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBufferBindingSize: 134217728,
  maxStorageBuffersPerShaderStage: 8,
};

/**
 * A device without memory: a program can be recorded on it, costed and its memory planned, whatever its size, but not
 * run. It lowers kernels as the device that it stands for would, `webgpu` at the default limits of the WebGPU
 * specification unless told otherwise, and so asks for the same scratch buffers; nothing is compiled.
 */
export class NullBackend implements Backend {
  /** The device that this one stands for. */
  readonly kind: Exclude<DeviceKind, "reference">;
  /** Says what this device is for. */
  readonly description: string;
  /** As on the device that this one stands for. */
  readonly groupedTileRows: number;
  /** As on the device that this one stands for. */
  readonly largestOperand: number;
  /** Where it stands for WebGPU, an adapter with `shader-f16` is assumed. */
  readonly halfPrecision: boolean;
  readonly #lanes: number;
  readonly #limits: Limits;
  readonly #oversized = new Map<string, Oversized>();
  #live = 0;
  #buffers = 0;
  #largest = 0;

  /** Takes no memory. */
  constructor(options: NullBackendOptions = {}) {
    const { kind = "webgpu", threads = navigator.hardwareConcurrency, limits = DEFAULT_LIMITS } = options;
    this.kind = kind;
    this.#lanes = threads;
    this.#limits = limits;
    this.description = `plan for ${kind}, without memory`;
    this.halfPrecision = kind === "webgpu";
    this.groupedTileRows = kind === "webgpu" ? 32 : 8;
    this.largestOperand = kind === "webgpu" ? limits.maxStorageBufferBindingSize : Infinity;
  }

  /** Bytes of the largest buffer so far. */
  get largest(): number {
    return this.#largest;
  }

  /** What kernels were asked to do and could not, for want of a larger binding: each shape once, the largest first. */
  get oversized(): readonly Oversized[] {
    return [...this.#oversized.values()].sort((a, b) => byteLength(b.spec) - byteLength(a.spec));
  }

  /** Counts bytes; there are none behind the buffer. */
  allocate(bytes: number): BackendBuffer {
    this.#live += bytes;
    this.#buffers += 1;
    this.#largest = Math.max(this.#largest, bytes);
    return { bytes };
  }

  /** Counts nothing: the bytes are the buffer's. */
  slice(_buffer: BackendBuffer, _offset: number, bytes: number): BackendBuffer {
    return { bytes };
  }

  /** Counts the bytes as free. */
  release(buffer: BackendBuffer): void {
    this.#live -= buffer.bytes;
    this.#buffers -= 1;
  }

  /** Forgets the values. */
  write(_buffer: BackendBuffer, _data: HostArray): void {}

  /**
   * Has nothing to read.
   *
   * @throws {DeviceError} always
   */
  read(): Promise<HostArray> {
    return Promise.reject(new DeviceError(`Cannot read from the ${this.description}`));
  }

  /** Asks the kernel for its plan on the device that this one stands for. */
  lower(call: Call): Lowered {
    return this.kind === "webgpu"
      ? this.#planOnWebGpu(call)
      : planOnCpu(call.kernel, call.inputs, call.attrs, this.#lanes);
  }

  #planOnWebGpu({ kernel, inputs, outputs, attrs, path }: Call): NullLowered {
    const { launches, scratch = [] } = kernel.webgpu(inputs, attrs, this.#limits);
    for (const { bindings } of launches) {
      const spec = tooLarge(bindings, [...inputs, ...outputs, ...scratch], this.#limits);
      const key = spec && formatSpec(spec);
      if (key && !this.#oversized.has(key)) this.#oversized.set(key, { kernel: kernel.name, path, spec });
    }
    return { launches: launches.length, scratchBytes: scratch.map(byteLength) };
  }

  /** Compiles nothing. */
  warm(): Promise<void> {
    return Promise.resolve();
  }

  /** Keeps the number of launches. */
  bind(lowered: Lowered): Bound {
    return { launches: (lowered as NullLowered).launches };
  }

  /** There is nothing to forget. */
  unbind(): void {}

  /**
   * Has nothing to run.
   *
   * @throws {DeviceError} always
   */
  submit(): void {
    throw new DeviceError(`Cannot run kernels on the ${this.description}`);
  }

  /** Resolves at once. */
  finish(): Promise<void> {
    return Promise.resolve();
  }

  /** Bytes that the buffers would have; none are reserved. */
  memory(): MemoryUse {
    return { live: this.#live, reserved: 0, buffers: this.#buffers };
  }

  /** There is nothing to release. */
  dispose(): void {}
}
