import { elementsOf, type HostArray } from "../../core/dtype.ts";
import { DeviceError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shape.ts";
import { byteLength, formatSpec, type Spec } from "../../core/spec.ts";
import type { Binding } from "../../kernel.ts";
import type { Backend, BackendBuffer, BackendLimits, Bound, Call, Lowered, MemoryUse } from "../backend.ts";
import { type AdapterReport, openDevice, type WebGpuOptions } from "./adapter.ts";
import { type BindGroup, BindGroupCache } from "./bind_groups.ts";
import { BufferPool, WebGpuBuffer, wholeWords } from "./buffer_pool.ts";
import { Failures, oneLine } from "./failures.ts";
import { limitsOf } from "./limits.ts";
import { LoweringCache, type WebGpuLowered } from "./lowering.ts";
import { PipelineCache } from "./pipelines.ts";
import { readBack } from "./readback.ts";
import { Timestamps } from "./timestamps.ts";

/** One dispatch, ready to encode. */
interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: BindGroup;
  readonly groups: readonly [number, number, number];
}

interface WebGpuBound extends Bound {
  readonly kernel: string;
  readonly dispatches: readonly Dispatch[];
}

/**
 * Kernels on a GPU through WebGPU: a list of bound kernels becomes one command buffer with one compute pass.
 *
 * WebGPU reports errors late. What goes wrong in `allocate`, `bind`, `write` and `submit` is remembered, and the next
 * `finish()` or `read()` rejects with it, once; a lost or disposed device makes every later call throw.
 */
export class WebGpuBackend implements Backend {
  /** Always `webgpu`. */
  readonly kind = "webgpu";
  /** Adapter, vendor, whether it is software, and who implements WebGPU if not Deno. */
  readonly description: string;
  /** One tile of the grouped matmul has 32 rows. */
  readonly groupedTileRows = 32;
  /** The adapter's `maxStorageBufferBindingSize`; kernels may take a larger one a part at a time. */
  readonly largestOperand: number;
  /** Whether the adapter offers `shader-f16`. */
  readonly halfPrecision: boolean;
  /** Limits that kernels plan their launches by. */
  readonly limits: BackendLimits;
  /**
   * Runs a list with a timestamp around each entry: microseconds on the GPU for each Bound, in order. Each entry
   * gets a pass of its own, so the sum is a little more than `submit` takes. Undefined where timestamps are not offered.
   */
  readonly profile: ((list: readonly Bound[]) => Promise<number[]>) | undefined;

  readonly #failures: Failures;
  readonly #groups: BindGroupCache;
  readonly #buffers: BufferPool;
  readonly #staging: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #lowering: LoweringCache;
  readonly #timestamps: Timestamps | undefined;

  private constructor(
    readonly gpu: GPUDevice,
    readonly adapter: AdapterReport,
    options: WebGpuOptions,
  ) {
    const { name, vendor, provider, software } = adapter;
    const facts = [software ? "software adapter" : "", provider === "Deno" ? "" : `through ${provider}`];
    this.description = [name, vendor, ...facts].filter((fact) => fact !== "").join(", ");
    const limits = this.limits = limitsOf(gpu, adapter, options);
    this.largestOperand = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
    this.#failures = new Failures(gpu);
    this.#groups = new BindGroupCache(this.#failures);
    this.#buffers = new BufferPool(this.#failures, {
      label: "storage",
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      maxBytes: limits.maxBufferSize,
      maxBytesName: "maxBufferSize",
      onDestroy: (block) => this.#groups.evict(block),
    });
    this.#staging = new BufferPool(this.#failures, {
      label: "staging",
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      maxBytes: limits.maxBufferSize,
      maxBytesName: "maxBufferSize",
    });
    this.#pipelines = new PipelineCache(this.#failures, provider === "Dawn");
    this.halfPrecision = gpu.features.has("shader-f16");
    this.#lowering = new LoweringCache(this.#pipelines, this.limits, this.halfPrecision);
    if (gpu.features.has("timestamp-query")) {
      const timestamps = this.#timestamps = new Timestamps(this.#failures, this.#staging);
      this.profile = (list) => this.#profile(timestamps, list as readonly WebGpuBound[]);
    }
  }

  /**
   * Opens the fastest adapter. Deno's own WebGPU needs no permission, Dawn needs `--allow-ffi`.
   *
   * @throws {DeviceError} when there is no adapter, or only a software one and `allowSoftware` is false, or no Dawn
   */
  static async create(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
    const { gpu, report } = await openDevice(options);
    return new WebGpuBackend(gpu, report, options);
  }

  /** Bind groups alive, for tests of their bound. */
  get bindGroups(): number {
    return this.#groups.size;
  }

  /** Pipelines compiled so far, for the same tests. */
  get pipelines(): number {
    return this.#pipelines.size;
  }

  /**
   * Hands out a buffer, perhaps a released one: its contents are unspecified.
   *
   * @throws {DeviceError} when one buffer cannot be as large; running out of memory is reported by `finish()`
   */
  allocate(bytes: number): BackendBuffer {
    this.#failures.assertAlive();
    return this.#buffers.allocate(bytes);
  }

  /** A part of a buffer. */
  slice(buffer: BackendBuffer, offset: number, bytes: number): BackendBuffer {
    return this.#own(buffer).part(offset, bytes);
  }

  /**
   * Takes a buffer back for reuse. Work that is already submitted may still use it.
   *
   * @throws {DeviceError} when it was released before
   */
  release(buffer: BackendBuffer): void {
    this.#buffers.release(this.#own(buffer));
  }

  /**
   * Copies host values to the beginning of a buffer, in queue order.
   *
   * @throws {DeviceError} when they do not fit
   */
  write(buffer: BackendBuffer, data: HostArray): void {
    this.#failures.assertAlive();
    const own = this.#own(buffer);
    if (data.byteLength > own.bytes) {
      throw new DeviceError(`Cannot write ${data.byteLength} bytes to a buffer of ${own.bytes} bytes`);
    }
    this.gpu.queue.writeBuffer(own.block.gpu, own.offset, wholeWords(data));
  }

  /**
   * Copies the elements of `spec` to the host, as they are after everything submitted so far.
   *
   * @throws {DeviceError} when they are more than the buffer holds, or when anything submitted so far has failed
   */
  async read(buffer: BackendBuffer, spec: Spec): Promise<HostArray> {
    this.#failures.assertAlive();
    const own = this.#own(buffer);
    const bytes = byteLength(spec);
    if (bytes > own.bytes) {
      throw new DeviceError(
        `Cannot read ${formatSpec(spec)} of ${bytes} bytes from a buffer of ${own.bytes} bytes`,
      );
    }
    const copied = await readBack(this.#failures, this.#staging, bytes, (encoder, staging) => {
      encoder.copyBufferToBuffer(own.block.gpu, own.offset, staging, 0, bytes);
    });
    return elementsOf(spec.dtype, copied, sizeOf(spec.shape));
  }

  /**
   * Asks the kernel for its launches, once for each kernel object, specs and attributes.
   *
   * @throws {DeviceError} when a launch does not fit the adapter
   */
  lower(call: Call): Lowered {
    return this.#lowering.lower(call);
  }
  /**
   * Compiles what is not compiled yet, in parallel.
   *
   * @throws {DeviceError} for the first that does not compile, naming kernel, overrides and source lines
   */
  warm(lowered: readonly Lowered[]): Promise<void> {
    this.#failures.assertAlive();
    return this.#pipelines.compileAll(
      (lowered as readonly WebGpuLowered[]).flatMap(({ entries }) => entries),
    );
  }

  /**
   * Ties launches to buffers (inputs, outputs, scratch), compiling now what `warm` has not; a shader that does not
   * compile is reported by the next `finish()` or `read()`.
   *
   * @throws {DeviceError} when a buffer is missing, released or of another device
   */
  bind(lowered: Lowered, buffers: readonly BackendBuffer[]): Bound {
    this.#failures.assertAlive();
    const { kernel, launches, entries, slotBytes } = lowered as WebGpuLowered;
    if (buffers.length !== slotBytes.length) {
      throw new DeviceError(
        `Cannot bind kernel "${kernel}": ${slotBytes.length} buffers wanted, got ${buffers.length}`,
      );
    }
    // A pooled buffer may be larger than the tensor in it, and than one binding can be.
    const own = buffers.map((buffer, i) => this.#own(buffer).part(0, slotBytes[i]));
    const bufferOf = (binding: Binding) =>
      typeof binding === "number" ? own[binding] : own[binding.slot].part(binding.offset, binding.size);
    const dispatches = launches.map(({ bindings, groups }, i): Dispatch => {
      const pipeline = this.#pipelines.compile(entries[i]);
      const group = this.#groups.acquire(kernel, pipeline, bindings.map(bufferOf));
      return { pipeline: pipeline.gpu, group, groups };
    });
    const bound: WebGpuBound = { kernel, dispatches, launches: dispatches.length };
    return bound;
  }

  /** Lets the bind groups go; they stay cached while there is room. */
  unbind(bound: Bound): void {
    for (const { group } of (bound as WebGpuBound).dispatches) this.#groups.release(group);
  }

  /**
   * Runs a list in order, as one command buffer with one compute pass.
   *
   * @throws {DeviceError} when the device is gone
   */
  submit(list: readonly Bound[]): void {
    this.#failures.assertAlive();
    if (list.length === 0) return;
    this.#guard(list as readonly WebGpuBound[], () => {
      const encoder = this.gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const bound of list) encode(pass, bound as WebGpuBound);
      pass.end();
      this.gpu.queue.submit([encoder.finish()]);
    });
  }

  /**
   * Waits until the queue is empty (11 ms at least in Deno).
   *
   * @throws {DeviceError} when anything since the last `finish()` or `read()` has failed
   */
  async finish(): Promise<void> {
    this.#failures.assertAlive();
    await this.gpu.queue.onSubmittedWorkDone();
    await this.#failures.check();
  }

  /** Bytes handed out; bytes and number of all GPUBuffers alive, idle and staging ones included. */
  memory(): MemoryUse {
    const pools = [this.#buffers, this.#staging, ...this.#timestamps ? [this.#timestamps.buffers] : []];
    return {
      live: this.#buffers.live,
      reserved: pools.reduce((sum, pool) => sum + pool.reserved, 0),
      buffers: pools.reduce((sum, pool) => sum + pool.count, 0),
    };
  }

  /** Destroys every buffer and the device. */
  dispose(): void {
    this.#failures.dispose();
    this.#buffers.dispose();
    this.#staging.dispose();
    this.#timestamps?.buffers.dispose();
    this.gpu.destroy();
  }

  async #profile(timestamps: Timestamps, list: readonly WebGpuBound[]): Promise<number[]> {
    this.#failures.assertAlive();
    return await timestamps.measure(list, encode, (part, action) => this.#guard(part, action));
  }

  #guard(list: readonly WebGpuBound[], action: () => void): void {
    this.#failures.scoped("validation", "call", action, ({ message }) => {
      const what = list.length === 1 ? `kernel "${list[0].kernel}"` : `a list of ${list.length} kernels`;
      return new DeviceError(`Cannot run ${what}: ${oneLine(message)}`);
    });
  }

  #own(buffer: BackendBuffer): WebGpuBuffer {
    if (buffer instanceof WebGpuBuffer && buffer.pool === this.#buffers) return buffer;
    throw new DeviceError(`Cannot use a buffer of ${buffer.bytes} bytes: it belongs to another device`);
  }
}

function encode(pass: GPUComputePassEncoder, { dispatches }: WebGpuBound): void {
  for (const { pipeline, group, groups } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group.gpu);
    pass.dispatchWorkgroups(groups[0], groups[1], groups[2]);
  }
}
