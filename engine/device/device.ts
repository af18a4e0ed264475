import { BYTES_PER_ELEMENT, dtypeOf, type HostArray } from "../core/dtype.ts";
import { ShapeError, withModulePath } from "../core/errors.ts";
import { type Shape, sizeOf } from "../core/shape.ts";
import { byteLength, makeSpec, type Spec } from "../core/spec.ts";
import type { Tape } from "../autodiff/tape.ts";
import type { Kernel } from "../kernel.ts";
import { EagerExecutor, type Executor, type Pass } from "../program/executor.ts";
import { Program } from "../program/program.ts";
import { Recorder } from "../program/recorder.ts";
import { Storage, Tensor } from "../tensor.ts";
import type { Backend, DeviceKind, MemoryUse } from "./backend.ts";
import { Scope } from "./scope.ts";

/** Where tensors live and kernels run. Made by `openDevice`. */
export class Device implements Disposable {
  #executor: Executor;
  #scopes: Scope[] = [];
  readonly #persistent = new Set<Storage>();
  readonly #constants = new Map<string, Tensor>();
  readonly #path: string[] = [];
  #pass: Pass = "forward";
  #disposed = false;

  /** Records every call while gradients are being prepared. Set by `differentiate`. */
  tape: Tape | undefined;

  /** Runs after every eager kernel; the NaN check of `--eager` hangs here. */
  afterKernel: ((outputs: readonly Tensor[], kernel: string, path: string) => void) | undefined;

  /** Wraps a backend; see `openDevice`. */
  constructor(
    readonly backend: Backend,
    /** Why this device was chosen, in one line for people. */
    readonly reason: string = "made from a backend",
  ) {
    this.#executor = new EagerExecutor(this);
    this.scope();
  }

  /** Which of the three implementations it is. */
  get kind(): DeviceKind {
    return this.backend.kind;
  }

  /** Bytes held by live buffers, and reserved from the system. */
  memory(): MemoryUse {
    return this.backend.memory();
  }

  /** Opens a scope: tensors made from now on are released when it is disposed. */
  scope(): Scope {
    const scope = new Scope(this.backend, this.#scopes.at(-1), (closed) => {
      this.#scopes = this.#scopes.filter((open) => open !== closed);
    });
    this.#scopes.push(scope);
    return scope;
  }

  /** Makes a step-scoped tensor from host values; `Float32Array` gives `f32`, `Int32Array` `i32`, `Uint32Array` `u32`. */
  tensor(shape: Shape, data: HostArray): Tensor {
    const spec = checkedSpec(shape, data);
    const tensor = new Tensor(this, spec, this.#scopes[this.#scopes.length - 1].allocate(byteLength(spec)));
    tensor.write(data);
    return tensor;
  }

  /** Makes a tensor that lives until `release` or the device's end: a parameter, a moment, an input of a program. */
  persistent(spec: Spec, data?: HostArray): Tensor {
    const bytes = byteLength(spec);
    const storage = new Storage(bytes, "persistent", this.backend.allocate(bytes));
    this.#persistent.add(storage);
    const tensor = new Tensor(this, spec, storage);
    if (data) tensor.write(data);
    return tensor;
  }

  /**
   * A part of a persistent tensor, as a tensor of its own. See `Arena`.
   *
   * @param start its first element, a multiple of `ARENA_LINE`
   */
  part({ storage }: Tensor, start: number, spec: Spec): Tensor {
    const [offset, bytes] = [BYTES_PER_ELEMENT * start, byteLength(spec)];
    const buffer = this.backend.slice(storage.buffer!, offset, bytes);
    return new Tensor(this, spec, new Storage(bytes, "persistent", buffer, storage, offset));
  }

  /** Releases a persistent tensor. */
  release(tensor: Tensor): void {
    if (!this.#persistent.delete(tensor.storage)) return;
    if (tensor.storage.buffer) this.backend.release(tensor.storage.buffer);
    tensor.storage.buffer = undefined;
  }

  /** A table that never changes (rotary angles, a position embedding): built on the first use of `key`, shared after. */
  constant(key: string, build: () => { shape: Shape; data: HostArray }): Tensor {
    let tensor = this.#constants.get(key);
    if (!tensor) {
      const { shape, data } = build();
      tensor = this.persistent(checkedSpec(shape, data), data);
      this.#constants.set(key, tensor);
    }
    return tensor;
  }

  /** The dotted path of the module that is running now, as in `blocks.3.attn`. */
  get path(): string {
    return this.#path.join(".");
  }

  /** Runs `body` as the module `name`: errors, profiles and the NaN check say where they are. */
  within<T>(name: string, body: () => T): T {
    if (name === "") return body();
    this.#path.push(name);
    try {
      return body();
    } finally {
      this.#path.pop();
    }
  }

  /** Runs `body` with `path` in place of the current module path; the backward pass names the forward's modules. */
  at<T>(path: string, body: () => T): T {
    const saved = this.#path.splice(0, this.#path.length, path);
    try {
      return body();
    } finally {
      this.#path.splice(0, this.#path.length, ...saved);
    }
  }

  /** Runs `body` as a part of a pass. */
  inPass<T>(pass: Pass, body: () => T): T {
    const outer = this.#pass;
    this.#pass = pass;
    try {
      return body();
    } finally {
      this.#pass = outer;
    }
  }

  /** Runs or records one kernel: the path that every op takes. See `apply`. */
  execute<A>(kernel: Kernel<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
    const path = this.path;
    const pass = this.#pass;
    try {
      const specs = kernel.infer(inputs.map((input) => input.spec), attrs);
      const outputs = kernel.alias
        ? [new Tensor(this, specs[0], inputs[0].storage)]
        : this.#executor.run({ kernel, inputs, attrs, path, pass }, specs);
      this.tape?.record({ kernel, inputs, outputs, attrs, path, pass });
      return outputs;
    } catch (error) {
      throw error instanceof Error ? withModulePath(error, path) : error;
    }
  }

  /** Allocates an output in the innermost scope. For executors. */
  allocateScoped(spec: Spec): Tensor {
    return new Tensor(this, spec, this.#scopes[this.#scopes.length - 1].allocate(byteLength(spec)));
  }

  /**
   * Records what `body` does instead of doing it, plans its memory, and compiles its kernels.
   * The tensors in the returned record stay readable between runs.
   */
  async record<R extends Record<string, Tensor>>(name: string, body: () => R): Promise<Program<R>> {
    const recorder = new Recorder(this);
    const outer = this.#executor;
    this.#executor = recorder;
    let results: R;
    try {
      results = body();
    } finally {
      this.#executor = outer;
    }
    return await Program.build(this, name, recorder.calls, results);
  }

  /** Waits for all submitted work. */
  finish(): Promise<void> {
    return this.backend.finish();
  }

  /** Releases everything. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const scope of [...this.#scopes].reverse()) scope[Symbol.dispose]();
    for (const storage of this.#persistent) {
      if (storage.buffer) this.backend.release(storage.buffer);
      storage.buffer = undefined;
    }
    this.#persistent.clear();
    this.#constants.clear();
    this.backend.dispose();
  }
}

function checkedSpec(shape: Shape, data: HostArray): Spec {
  if (sizeOf(shape) !== data.length) {
    throw new ShapeError(
      `Cannot make a tensor of shape [${shape.join(", ")}] from ${data.length} values: ${
        sizeOf(shape)
      } wanted`,
    );
  }
  return makeSpec(dtypeOf(data), shape);
}

/**
 * Runs a kernel on the device of its inputs: now, or into the program that is being recorded.
 *
 * @throws {ShapeError} when shapes do not fit
 * @throws {DTypeError} when element types do not fit
 */
export function apply<A>(kernel: Kernel<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  return inputs[0].device.execute(kernel, inputs, attrs);
}
