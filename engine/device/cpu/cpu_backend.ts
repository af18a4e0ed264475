import { DeviceError } from "../../core/errors.ts";
import { BYTES_PER_ELEMENT, elementsOf, type HostArray } from "../../core/dtype.ts";
import { sizeOf } from "../../core/shape.ts";
import { byteLength, formatSpec, type Spec } from "../../core/spec.ts";
import type { AnyKernel } from "../../kernel.ts";
import type { Backend, BackendBuffer, Bound, Call, Lowered, MemoryUse } from "../backend.ts";
import { type Blas, openBlas } from "./blas.ts";
import { CpuBound, CpuBuffer, CpuLowered, expectBuffer, trapError } from "./bound.ts";
import { type Barrier, listWords, partsOf, RECORD_WORDS, walk } from "./call_list.ts";
import { lowerPlan, requireSinglePrecision } from "./lower_plan.ts";
import { CpuMemory, type CpuMemoryOptions } from "./memory.ts";
import { ModuleCache } from "./modules.ts";
import { WorkerPool } from "./pool.ts";
import { runReference } from "./reference_call.ts";

/** Where a `CpuBackend` differs from the default. */
export interface CpuBackendOptions extends CpuMemoryOptions {
  /** Threads that share the work, the main one included; one a processor unless given. */
  readonly threads?: number;
  /** A library that multiplies matrices: `auto` or a path; none unless given. */
  readonly blas?: string;
}

/** One lane waits for nobody. */
const ALONE: Omit<Barrier, "fail"> = { wait: () => {}, arrive: () => {} };

/** The embedded device: WASM SIMD over one shared memory, on a pool of threads. */
export class CpuBackend implements Backend {
  /** Names the device. */
  readonly kind = "cpu";
  /** Rows that grouped matmuls pad each expert to. */
  readonly groupedTileRows = 8;
  /** Only memory is a limit. */
  readonly largestOperand = Infinity;
  /** WebAssembly has no instructions for it. */
  readonly halfPrecision = false;
  /** Says how many threads share the work. */
  readonly description: string;
  /** Receives one line for each kernel that has no WASM code. */
  // deno-lint-ignore no-console
  warn: (line: string) => void = (line) => console.warn(line);

  readonly #memory: CpuMemory;
  readonly #modules: ModuleCache;
  readonly #lanes: number;
  readonly #pool: WorkerPool | undefined;
  readonly #blas: Blas | undefined;
  readonly #lowered = new WeakMap<AnyKernel, Map<string, CpuLowered>>();
  readonly #warned = new Set<string>();
  readonly #run = (id: number) => this.#modules.run(id);
  #live = 0;
  #buffers = 0;
  #list = 0;
  #capacity = 0;
  #disposed = false;

  /**
   * Starts the workers; they join when they are up, and until then the caller works alone.
   *
   * @throws {DeviceError} when `blas` is given and there is no such library, or no permission to call it
   */
  constructor({ threads = navigator.hardwareConcurrency, blas, ...memory }: CpuBackendOptions = {}) {
    this.#memory = new CpuMemory(memory);
    this.#blas = blas === undefined ? undefined : openBlas(blas);
    this.#modules = new ModuleCache(this.#memory, this.#blas);
    this.#pool = threads > 1 && this.#memory.shared
      ? startPool(this.#memory.memory, threads, this.#blas?.path)
      : undefined;
    this.#lanes = this.#pool?.lanes ?? 1;
    this.description = `CPU, WASM SIMD, ${this.#lanes} thread${this.#lanes === 1 ? "" : "s"}` +
      (this.#blas ? `, ${this.#blas.name} for matrix products` : "");
  }

  /** Whether all threads take part by now. */
  get started(): boolean {
    return this.#pool?.ready ?? true;
  }

  /**
   * Reserves bytes; they are not zeroed.
   *
   * @throws {DeviceError} when the 4 GiB of WebAssembly's address space, or the machine's memory, do not suffice
   */
  allocate(bytes: number): BackendBuffer {
    this.#expectAlive();
    const buffer = new CpuBuffer(this.#memory.allocate(bytes), bytes);
    this.#live += bytes;
    this.#buffers++;
    return buffer;
  }

  /** A part of a buffer. */
  slice(buffer: BackendBuffer, offset: number, bytes: number): BackendBuffer {
    const whole = expectBuffer(buffer, "slice");
    return new CpuBuffer(whole.address + offset, bytes, whole);
  }

  /** Gives a buffer back; its bytes may be handed out again at once. */
  release(buffer: BackendBuffer): void {
    const own = expectBuffer(buffer, "release");
    own.markReleased();
    this.#memory.free(own.address);
    this.#live -= own.bytes;
    this.#buffers--;
  }

  /** Copies from the host. */
  write(buffer: BackendBuffer, data: HostArray): void {
    const { address, bytes } = expectBuffer(buffer, "write to");
    if (data.byteLength > bytes) {
      throw new DeviceError(`Cannot write ${data.byteLength} bytes to a buffer of ${bytes} bytes`);
    }
    this.#memory.bytes(address, data.byteLength)
      .set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** Copies to the host. */
  read(buffer: BackendBuffer, spec: Spec): Promise<HostArray> {
    const { address, bytes } = expectBuffer(buffer, "read");
    const length = byteLength(spec);
    if (length > bytes) {
      throw new DeviceError(
        `Cannot read ${formatSpec(spec)}, ${length} bytes, from a buffer of ${bytes} bytes`,
      );
    }
    const copy = new ArrayBuffer(length);
    new Uint8Array(copy).set(this.#memory.bytes(address, length));
    return Promise.resolve(elementsOf(spec.dtype, copy, sizeOf(spec.shape)));
  }

  /** Chooses WASM code, or the reference where the kernel has none (said once a kernel). */
  lower(call: Call): Lowered {
    let byKey = this.#lowered.get(call.kernel);
    if (!byKey) this.#lowered.set(call.kernel, byKey = new Map());
    const key = `${call.inputs.map(formatSpec).join(" ")} ${JSON.stringify(call.attrs)}`;
    let lowered = byKey.get(key);
    if (!lowered) byKey.set(key, lowered = this.#plan(call));
    return lowered;
  }

  /** Generates and compiles the modules. */
  warm(lowered: readonly Lowered[]): Promise<void> {
    for (const { calls } of lowered as readonly CpuLowered[]) {
      calls.forEach((call) => this.#modules.load(call));
    }
    return Promise.resolve();
  }

  /** Writes the call records, argument blocks included, into the memory. */
  bind(lowered: Lowered, buffers: readonly BackendBuffer[]): Bound {
    this.#expectAlive();
    const plan = lowered as CpuLowered;
    const addresses = buffers.map((buffer) =>
      expectBuffer(buffer, `bind "${plan.call.kernel.name}" to`).address
    );
    const wanted = plan.call.inputs.length + plan.call.outputs.length + plan.scratchBytes.length;
    if (buffers.length !== wanted) {
      throw new DeviceError(
        `Cannot bind "${plan.call.kernel.name}" to ${buffers.length} buffers: ${wanted} are wanted`,
      );
    }
    const modules = plan.calls.map((call) => this.#modules.load(call));
    const sizes = plan.calls.map((call) => RECORD_WORDS + call.bindings.length);
    const block = this.#memory.allocate(4 * sizes.reduce((sum, size) => sum + size, 0));
    let address = block;
    const records = plan.calls.map((call, i) => {
      const { id, blob } = modules[i];
      const record = [id, blob, call.range, call.grain, ...call.bindings.map((slot) => addresses[slot])];
      this.#memory.words(address, record.length).set(record);
      address += 4 * record.length;
      return address - 4 * record.length;
    });
    const parallel = plan.calls.some((call) => partsOf(call.range, call.grain, this.#lanes) > 1);
    return new CpuBound(plan, addresses, block, records, parallel);
  }

  /** Frees the records. */
  unbind(bound: Bound): void {
    const own = bound as CpuBound;
    if (!own.live) return;
    own.live = false;
    this.#memory.free(own.block);
  }

  /**
   * Runs the list and returns when it is done.
   *
   * @throws {DeviceError} naming a kernel that trapped
   */
  submit(list: readonly Bound[]): void {
    this.#expectAlive();
    let from = 0;
    for (let i = 0; i < list.length; i++) {
      const { lowered, addresses, live } = list[i] as CpuBound;
      if (!live) throw new DeviceError(`Cannot submit "${lowered.call.kernel.name}": it was unbound`);
      if (!lowered.slow) continue;
      this.#runCalls(list, from, i);
      runReference(lowered.call, addresses, this.#memory);
      from = i + 1;
    }
    this.#runCalls(list, from, list.length);
  }

  /** Resolves at once: `submit` has done the work. */
  finish(): Promise<void> {
    return Promise.resolve();
  }

  /** Bytes of live buffers as asked for, and of the whole WebAssembly memory. */
  memory(): MemoryUse {
    return { live: this.#live, reserved: this.#disposed ? 0 : this.#memory.reserved, buffers: this.#buffers };
  }

  /** Ends the workers; the memory goes with the backend. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pool?.dispose();
    this.#blas?.close();
  }

  #plan(call: Call): CpuLowered {
    requireSinglePrecision(call);
    const plan = call.kernel.cpu?.(call.inputs, call.attrs);
    if (plan) return lowerPlan(call, plan, this.#lanes, this.#blas !== undefined);
    this.#warnOnce(call.kernel.name);
    return new CpuLowered(call, [], [], true);
  }

  #warnOnce(kernel: string): void {
    if (this.#warned.has(kernel)) return;
    this.#warned.add(kernel);
    this.warn(`The kernel "${kernel}" has no WASM code: the cpu device runs its reference, which is slow`);
  }

  /** Puts the records of `list[from, to)` into one list and walks it. */
  #runCalls(list: readonly Bound[], from: number, to: number): void {
    let count = 0, parallel = false;
    for (let i = from; i < to; i++) count += (list[i] as CpuBound).records.length;
    if (count === 0) return;
    this.#reserveList(listWords(count, this.#lanes));
    const words = new Int32Array(this.#memory.memory.buffer);
    let at = this.#list >>> 2;
    words.fill(0, at + count, at + listWords(count, this.#lanes));
    for (let i = from; i < to; i++) {
      const bound = list[i] as CpuBound;
      if (!bound.live) {
        throw new DeviceError(`Cannot submit "${bound.lowered.call.kernel.name}": it was unbound`);
      }
      parallel ||= bound.parallel;
      for (const record of bound.records) words[at++] = record;
    }
    if (parallel && this.#pool?.ready) {
      const failed = this.#pool.run(this.#list, count, this.#run);
      if (failed >= 0) throw trapError(list, from, failed);
      return;
    }
    const fail = (index: number, error: unknown) => {
      throw trapError(list, from, index, error);
    };
    walk({ words, lane: 0, lanes: 1, load: this.#run, barrier: { ...ALONE, fail } }, this.#list, count);
  }

  #reserveList(words: number): void {
    if (words <= this.#capacity) return;
    if (this.#capacity > 0) this.#memory.free(this.#list);
    this.#capacity = 2 * words;
    this.#list = this.#memory.allocate(BYTES_PER_ELEMENT * this.#capacity);
  }

  #expectAlive(): void {
    if (this.#disposed) throw new DeviceError("Cannot use the cpu device: it was disposed");
  }
}

/** Workers, or none where the runtime does not allow them. */
function startPool(memory: WebAssembly.Memory, threads: number, blas?: string): WorkerPool | undefined {
  try {
    return new WorkerPool(memory, threads, blas);
  } catch {
    return undefined;
  }
}
