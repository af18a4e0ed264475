import type { DType, HostArray } from "./core/dtype.ts";
import { type Shape, sizeOf } from "./core/shape.ts";
import { formatSpec, type Spec } from "./core/spec.ts";
import { DeviceError, ShapeError } from "./core/errors.ts";
import type { Device } from "./device/device.ts";
import type { BackendBuffer } from "./device/backend.ts";

/** How long a tensor's bytes live. */
export type Lifetime = "persistent" | "scoped" | "planned";

/** The bytes behind one or more tensors. A recorded program fills in `buffer` when its memory is planned. */
export class Storage {
  /** The device's buffer, while there is one. */
  buffer: BackendBuffer | undefined;

  /** Made by devices and scopes. */
  constructor(
    readonly bytes: number,
    readonly lifetime: Lifetime,
    buffer?: BackendBuffer,
    /** The storage that this one is a part of; see `Arena`. */
    readonly whole?: Storage,
    /** Its first byte in `whole`. */
    readonly start: number = 0,
  ) {
    this.buffer = buffer;
  }
}

/** Whether two storages have bytes in common. */
export function overlap(a: Storage, b: Storage): boolean {
  if ((a.whole ?? a) !== (b.whole ?? b)) return false;
  return a.start < b.start + b.bytes && b.start < a.start + a.bytes;
}

/** A spec and a buffer on a device; no maths. Operations are functions in `kernels/`. */
export class Tensor {
  /** Made by `Device.tensor`, `Device.persistent` and kernels. */
  constructor(
    readonly device: Device,
    readonly spec: Spec,
    readonly storage: Storage,
  ) {}

  /** Extents, outermost first. */
  get shape(): Shape {
    return this.spec.shape;
  }

  /** Type of the elements. */
  get dtype(): DType {
    return this.spec.dtype;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.spec.shape);
  }

  /**
   * Copies the elements to the host. On WebGPU this waits for the queue (11 ms at least in Deno).
   *
   * @throws {DeviceError} when the tensor was released or lives only inside a recorded program
   */
  read(): Promise<HostArray> {
    return this.device.backend.read(this.buffer(), this.spec);
  }

  /**
   * Overwrites the elements from the host, in queue order.
   *
   * @throws {ShapeError} when the length differs
   */
  write(data: HostArray): void {
    if (data.length !== this.size) {
      throw new ShapeError(
        `Cannot write ${data.length} values to ${formatSpec(this.spec)}: ${this.size} wanted`,
      );
    }
    this.device.backend.write(this.buffer(), data);
  }

  /** The device's buffer. */
  buffer(): BackendBuffer {
    const { buffer, lifetime } = this.storage;
    if (buffer) return buffer;
    throw new DeviceError(
      lifetime === "planned"
        ? `Cannot use ${this} outside the program that computes it: return it from record()`
        : `Cannot use ${this}: its scope was disposed, keep it with scope.keep()`,
    );
  }

  /** The spec, as in `f32[2, 3]`. */
  toString(): string {
    return formatSpec(this.spec);
  }
}
