import { dtypeOf, type HostArray, hostArray } from "../../core/dtype.ts";
import { sizeOf } from "../../core/shape.ts";
import type { Spec } from "../../core/spec.ts";
import type { View } from "../../kernel.ts";
import type { Backend, BackendBuffer, Bound, Call, Lowered, MemoryUse } from "../backend.ts";

/** Memory of the oracle: eight bytes an element, be it one of two bytes, so that floats are held in f64. */
class ReferenceBuffer implements BackendBuffer {
  /** @param start first byte, counted as on the other devices, where elements have four */
  constructor(readonly bytes: number, readonly data: ArrayBuffer, readonly start: number) {}
}

interface ReferenceLowered extends Lowered {
  readonly call: Call;
}

interface ReferenceBound extends Bound {
  readonly run: () => void;
}

/** Runs every kernel's definition: plain loops over typed arrays in f64. The oracle of all tests. */
export class ReferenceBackend implements Backend {
  readonly kind = "reference";
  readonly description = "reference (f64 loops on one thread)";
  readonly groupedTileRows = 4;
  readonly largestOperand = Infinity;
  readonly halfPrecision = true;
  #live = 0;
  #buffers = 0;

  allocate(bytes: number): BackendBuffer {
    this.#live += bytes;
    this.#buffers += 1;
    return new ReferenceBuffer(bytes, new ArrayBuffer(bytes * 4), 0);
  }

  slice(buffer: BackendBuffer, offset: number, bytes: number): BackendBuffer {
    const { data, start } = buffer as ReferenceBuffer;
    return new ReferenceBuffer(bytes, data, start + offset);
  }

  release(buffer: BackendBuffer): void {
    this.#live -= buffer.bytes;
    this.#buffers -= 1;
  }

  write(buffer: BackendBuffer, data: HostArray): void {
    const spec: Spec = { dtype: dtypeOf(data), shape: [data.length] };
    viewOf(buffer, spec).data.set(data);
  }

  read(buffer: BackendBuffer, spec: Spec): Promise<HostArray> {
    const out = hostArray(spec.dtype, sizeOf(spec.shape));
    out.set(viewOf(buffer, spec).data);
    return Promise.resolve(out);
  }

  lower(call: Call): ReferenceLowered {
    return { call, scratchBytes: [] };
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  bind(lowered: Lowered, buffers: readonly BackendBuffer[]): ReferenceBound {
    const { kernel, inputs, outputs, attrs } = (lowered as ReferenceLowered).call;
    const views = [...inputs, ...outputs].map((spec, i) => viewOf(buffers[i], spec));
    const ins = views.slice(0, inputs.length);
    const outs = views.slice(inputs.length);
    const mutated = (kernel.mutates ?? []).map((i) => ins[i]);
    return {
      launches: 1,
      run: () => {
        for (const { data } of outs) data.fill(0);
        kernel.reference(ins, outs, attrs);
        for (const view of [...outs, ...mutated]) roundToStorage(view);
      },
    };
  }

  unbind(): void {}

  submit(list: readonly Bound[]): void {
    for (const bound of list) (bound as ReferenceBound).run();
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  memory(): MemoryUse {
    return { live: this.#live, reserved: this.#live, buffers: this.#buffers };
  }

  dispose(): void {}
}

/** The elements of a buffer of the reference device, in place; finite differences write through it. */
export function viewOf(buffer: BackendBuffer, spec: Spec): View {
  const { data, start } = buffer as ReferenceBuffer;
  const length = sizeOf(spec.shape);
  switch (spec.dtype) {
    case "f32":
      return { spec, data: new Float64Array(data, 2 * start, length) };
    case "f16":
      return { spec, data: new Float64Array(data, 4 * start, length) };
    case "i32":
      return { spec, data: new Int32Array(data, start, length) };
    case "u32":
      return { spec, data: new Uint32Array(data, start, length) };
  }
}

/** Rounds what a kernel computed to what an `f16` tensor can hold; `f32` tensors keep their f64 digits. */
function roundToStorage({ spec, data }: View): void {
  if (spec.dtype !== "f16") return;
  for (let i = 0; i < data.length; i++) data[i] = Math.f16round(data[i]);
}
