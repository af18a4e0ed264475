import { CheckpointError, withModulePath } from "../core/errors.ts";
import type { HostArray } from "../core/dtype.ts";
import type { Seed } from "../core/random.ts";
import { sameShape, type Shape, sizeOf } from "../core/shape.ts";
import { byteLength, f32, type Spec } from "../core/spec.ts";
import { Arena } from "../device/arena.ts";
import type { Device } from "../device/device.ts";
import type { Tensor } from "../tensor.ts";
import { type Initializer, ParamRandom } from "./init.ts";

/** What a parameter is, before it has a value. */
export interface ParameterOptions {
  /** Rule for the first value. */
  readonly init: Initializer;
  /** Buffers are state that the optimizer never touches; frozen parameters count but do not train. */
  readonly kind?: "trainable" | "frozen" | "buffer";
  /**
   * Number of experts stacked along the first dimension. The name then holds `*` where the reference's `state_dict`
   * has the expert's number.
   */
  readonly experts?: number;
  /** Path of the module whose token counts say which experts of the stack took part in a step. */
  readonly routedBy?: string;
  /** Whether mixed precision computes with an `f16` copy of it. */
  readonly castable?: boolean;
}

/** One entry of the reference's `state_dict`, as a range of a parameter's elements. */
export interface StateEntry {
  /** Dotted name in the `state_dict`. */
  readonly name: string;
  /** Shape in the `state_dict`. */
  readonly shape: Shape;
  /** First element of the range. */
  readonly begin: number;
  /** End of the range, exclusive. */
  readonly end: number;
}

/** A named array of a model: declared with a shape and a rule for its first value, given memory later. */
export class Parameter {
  #tensor: Tensor | undefined;

  /** Made by `ParamScope.parameter`. */
  constructor(readonly name: string, readonly spec: Spec, readonly options: ParameterOptions) {}

  /** Whether the optimizer updates it, and whether it counts as a parameter. */
  get kind(): "trainable" | "frozen" | "buffer" {
    return this.options.kind ?? "trainable";
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.spec.shape);
  }

  /**
   * The values on the device.
   *
   * @throws {Error} before `ParamStore.allocate`
   */
  get tensor(): Tensor {
    if (!this.#tensor) throw new Error(`Cannot use parameter "${this.name}": its store has no memory yet`);
    return this.#tensor;
  }

  set tensor(tensor: Tensor | undefined) {
    this.#tensor = tensor;
  }

  /** The `state_dict` entries of this parameter: one, or one for each stacked expert. */
  entries(): StateEntry[] {
    const { experts } = this.options;
    const { shape } = this.spec;
    if (experts === undefined) return [{ name: this.name, shape, begin: 0, end: this.size }];
    const each = this.size / experts;
    return Array.from({ length: experts }, (_, e) => ({
      name: this.name.replace("*", String(e)),
      shape: shape.slice(1),
      begin: e * each,
      end: (e + 1) * each,
    }));
  }

  /** The first values, a function of the seed and of each entry's name alone. */
  initialValues(seed: Seed): Float32Array<ArrayBuffer> {
    const values = new Float32Array(this.size);
    for (const { name, shape, begin } of this.entries()) {
      values.set(this.options.init.fill(shape, new ParamRandom(seed, name)), begin);
    }
    return values;
  }
}

/** Names a module's parameters: `scope.sub("attn").parameter("qkv.weight", ...)`. */
export class ParamScope {
  /** Made by `ParamStore.root` and `sub`. */
  constructor(private readonly store: ParamStore, readonly path: string) {}

  /** The scope of a submodule. */
  sub(name: string): ParamScope {
    return new ParamScope(this.store, this.path === "" ? name : `${this.path}.${name}`);
  }

  /** Declares an `f32` parameter. */
  parameter(name: string, shape: Shape, options: ParameterOptions): Parameter {
    const full = this.path === "" ? name : `${this.path}.${name}`;
    return this.store.add(new Parameter(full, f32(...shape), options));
  }
}

/** All parameters of a model in order of declaration, under the reference's `state_dict` names. */
export class ParamStore implements Disposable {
  readonly #parameters = new Map<string, Parameter>();
  readonly #arenas = new Map<Parameter["kind"], Arena>();

  /** The outermost scope. */
  get root(): ParamScope {
    return new ParamScope(this, "");
  }

  /** Registers a parameter. Called by `ParamScope.parameter`. */
  add(parameter: Parameter): Parameter {
    if (this.#parameters.has(parameter.name)) {
      throw new Error(`Cannot declare parameter "${parameter.name}" twice`);
    }
    this.#parameters.set(parameter.name, parameter);
    return parameter;
  }

  /** Every parameter and buffer. */
  get all(): readonly Parameter[] {
    return [...this.#parameters.values()];
  }

  /** What the optimizer updates. */
  get trainable(): readonly Parameter[] {
    return this.all.filter(({ kind }) => kind === "trainable");
  }

  /** The `state_dict`'s names and shapes; needs no memory. */
  stateShapes(): Map<string, Shape> {
    return new Map(this.all.flatMap((p) => p.entries()).map(({ name, shape }) => [name, shape]));
  }

  /** Number of parameter elements, frozen ones included and buffers not. */
  get count(): number {
    return this.all.filter(({ kind }) => kind !== "buffer").reduce((sum, { size }) => sum + size, 0);
  }

  /** Bytes of all values. */
  get bytes(): number {
    return this.all.reduce((sum, { spec }) => sum + byteLength(spec), 0);
  }

  /** Gives every parameter memory on a device; the values are undefined until `initialize` or `load`. */
  allocate(device: Device): void {
    for (const kind of ["trainable", "frozen", "buffer"] as const) {
      const own = this.all.filter((parameter) => parameter.kind === kind);
      const arena = arenaOf(device, own);
      own.forEach((parameter, i) => parameter.tensor = arena.parts[i]);
      this.#arenas.set(kind, arena);
    }
  }

  /**
   * The memory of all parameters of a kind, in order of declaration.
   *
   * @throws {Error} before `allocate`
   */
  arena(kind: Parameter["kind"]): Arena {
    const arena = this.#arenas.get(kind);
    if (!arena) throw new Error(`Cannot use the ${kind} parameters: their store has no memory yet`);
    return arena;
  }

  /** Writes the first values. */
  initialize(seed: Seed): void {
    for (const parameter of this.all) parameter.tensor.write(parameter.initialValues(seed));
  }

  /**
   * Writes values from a source of `state_dict` entries, one parameter at a time.
   *
   * @param shapes names and shapes that the source has
   * @param read the values of one entry
   * @throws {CheckpointError} listing all missing, unexpected and misshapen names
   */
  async load(shapes: ReadonlyMap<string, Shape>, read: (name: string) => Promise<HostArray>): Promise<void> {
    assertSameState(this.stateShapes(), shapes);
    for (const parameter of this.all) {
      const values = new Float32Array(parameter.size);
      for (const { name, begin } of parameter.entries()) values.set(await read(name), begin);
      parameter.tensor.write(values);
    }
  }

  /** Runs `body` with other tensors in place of the parameters' own: to record a program on averaged weights. */
  substitute<T>(values: ReadonlyMap<Parameter, Tensor>, body: () => T): T {
    const own = new Map([...values.keys()].map((parameter) => [parameter, parameter.tensor]));
    for (const [parameter, tensor] of values) parameter.tensor = tensor;
    try {
      return body();
    } finally {
      for (const [parameter, tensor] of own) parameter.tensor = tensor;
    }
  }

  /** Releases the memory of every parameter. */
  [Symbol.dispose](): void {
    for (const arena of this.#arenas.values()) arena[Symbol.dispose]();
    this.#arenas.clear();
    for (const parameter of this.all) parameter.tensor = undefined;
  }
}

/** Takes memory; an error names the parameter that is too large. */
function arenaOf(device: Device, parameters: readonly Parameter[]): Arena {
  try {
    return new Arena(device, parameters.map(({ spec }) => spec), { zeros: false });
  } catch (error) {
    const largest = [...parameters].sort((a, b) => b.size - a.size)[0];
    throw error instanceof Error ? withModulePath(error, largest.name) : error;
  }
}

const LISTED = 5;

/**
 * Compares names and shapes of a model with those of a checkpoint.
 *
 * @throws {CheckpointError} listing missing, unexpected and misshapen names together
 */
export function assertSameState(want: ReadonlyMap<string, Shape>, got: ReadonlyMap<string, Shape>): void {
  const missing = [...want.keys()].filter((name) => !got.has(name));
  const unexpected = [...got.keys()].filter((name) => !want.has(name));
  const misshapen = [...want].flatMap(([name, shape]) => {
    const own = got.get(name);
    return own && !sameShape(own, shape) ? [`${name} [${own.join(", ")}] for [${shape.join(", ")}]`] : [];
  });
  const parts = [
    listed("missing", missing),
    listed("unexpected", unexpected),
    listed("of another shape", misshapen),
  ].filter((part) => part !== "");
  if (parts.length > 0) {
    throw new CheckpointError(`Cannot load the checkpoint into this model: ${parts.join("; ")}`);
  }
}

function listed(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : "";
  return `${names.length} ${what} (${names.slice(0, LISTED).join(", ")}${more})`;
}
