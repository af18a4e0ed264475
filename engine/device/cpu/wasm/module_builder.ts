import type { Local } from "./code_writer.ts";
import { encodeName, encodeSection, encodeVector, unsignedLeb128 } from "./encoding.ts";
import { callNode, FunctionBuilder, type Operands, type Procedure } from "./function_builder.ts";
import { i32 } from "./scalar.ts";
import { type Expr, node, TYPE_CODE, type ValueType } from "./types.ts";

/** Pages of 64 KiB that a kernel's memory may grow to: 4 GiB. */
export const MAX_PAGES = 65536;

/** Custom section that holds, as one little-endian u32, the bytes that a module wants at its `data` address. */
export const DATA_SECTION = "tessera.data";

/** The start of the memory's import: module name, field name, kind. */
const MEMORY_IMPORT = [...encodeName("env"), ...encodeName("memory"), 2];
/** Limits with a maximum, of shared and of unshared memory. */
const SHARED_LIMITS = 3, UNSHARED_LIMITS = 1;

/** The locals that hold a helper's parameters. */
export type Parameters<P extends readonly ValueType[]> = { readonly [K in keyof P]: Local<P[K]> };

interface DefinedFunction {
  readonly builder: FunctionBuilder;
  readonly parameters: readonly ValueType[];
  readonly result?: ValueType;
  code: readonly number[];
}

/** The exported function `run(args, begin, end, lane)` of a kernel, and what its module holds beside it. */
export class KernelBuilder extends FunctionBuilder {
  /** Address of the argument block. */
  readonly args: Local<"i32">;
  /** First work item. */
  readonly begin: Local<"i32">;
  /** One past the last work item. */
  readonly end: Local<"i32">;
  /** Number of the worker. */
  readonly lane: Local<"i32">;
  readonly #functions: DefinedFunction[];
  readonly #data: number[] = [];

  /** Use `kernelModule`. */
  constructor() {
    const names = ["args", "begin", "end", "lane"] as const;
    super("run", names.map((name) => [name, "i32"] as const));
    [this.args, this.begin, this.end, this.lane] = names.map((_, i) => this.parameter<"i32">(i));
    this.#functions = [{ builder: this, parameters: names.map(() => "i32"), code: [] }];
  }

  /** Loads the first `count` addresses of the argument block (in the order of `CpuCall.bindings`) into locals. */
  pointers(count: number): Local<"i32">[] {
    return Array.from({ length: count }, (_, i) => this.localI32(`pointer${i}`, i32.load(this.args, 4 * i)));
  }

  /**
   * Defines a helper that returns a value; `body` gets its own builder and the parameters, and returns the result.
   * What comes back makes call expressions.
   */
  func<const P extends readonly ValueType[], R extends ValueType>(
    name: string,
    parameters: P,
    result: R,
    body: (f: FunctionBuilder, ...parameters: Parameters<P>) => Expr<R>,
  ): (...args: Operands<P>) => Expr<R> {
    const index = this.#define(name, parameters, result, (f, locals) => body(f, ...locals as Parameters<P>));
    return (...args) => callNode(result, index, parameters, args as readonly (Expr | number)[]);
  }

  /** Defines a helper that returns nothing, for `f.call`. */
  procedure<const P extends readonly ValueType[]>(
    name: string,
    parameters: P,
    body: (f: FunctionBuilder, ...parameters: Parameters<P>) => void,
  ): Procedure<P> {
    const index = this.#define(name, parameters, undefined, (f, locals) => {
      body(f, ...locals as Parameters<P>);
    });
    return { index, parameters };
  }

  /** Puts a table of constants into the module; the result is its address, a multiple of 16. */
  data(values: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>): Expr<"i32"> {
    const offset = this.#data.length;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    for (const byte of bytes) this.#data.push(byte);
    while (this.#data.length % 16 !== 0) this.#data.push(0);
    return i32.add(node("i32", [0x23, 0]), offset);
  }

  /** The whole module. */
  module(): Uint8Array<ArrayBuffer> {
    this.#functions[0].code = this.encode();
    const types = this.#functions.map(({ parameters, result }) => [
      0x60,
      ...encodeVector(parameters.map((type) => [TYPE_CODE[type]])),
      ...encodeVector(result ? [[TYPE_CODE[result]]] : []),
    ]);
    const memory = [...MEMORY_IMPORT, SHARED_LIMITS, 1, ...unsignedLeb128(MAX_PAGES)];
    const base = [...encodeName("env"), ...encodeName("data"), 3, TYPE_CODE.i32, 0];
    const hasData = this.#data.length > 0;
    return new Uint8Array([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...encodeSection(1, encodeVector(types)),
      ...encodeSection(2, encodeVector(hasData ? [memory, base] : [memory])),
      ...encodeSection(3, encodeVector(this.#functions.map((_, i) => unsignedLeb128(i)))),
      ...encodeSection(7, encodeVector([[...encodeName("run"), 0, 0]])),
      ...encodeSection(10, encodeVector(this.#functions.map(({ code }) => code))),
      ...(hasData ? this.#dataSections() : []),
      ...encodeSection(0, [...encodeName("name"), ...this.#nameSubsections()]),
    ]);
  }

  #define(
    name: string,
    parameters: readonly ValueType[],
    result: ValueType | undefined,
    body: (f: FunctionBuilder, parameters: readonly Local[]) => Expr | void,
  ): number {
    const builder = new FunctionBuilder(name, parameters.map((type, i) => [`parameter${i}`, type] as const));
    const defined: DefinedFunction = { builder, parameters, result, code: [] };
    const index = this.#functions.push(defined) - 1;
    const value = body(builder, parameters.map((_, i) => builder.parameter(i)));
    defined.code = builder.encode(value ?? undefined);
    return index;
  }

  #dataSections(): number[] {
    const size = new Uint8Array(new Uint32Array([this.#data.length]).buffer);
    const segment = [0, 0x23, 0, 0x0b, ...unsignedLeb128(this.#data.length), ...this.#data];
    return [
      ...encodeSection(11, encodeVector([segment])),
      ...encodeSection(0, [...encodeName(DATA_SECTION), ...size]),
    ];
  }

  #nameSubsections(): number[] {
    const map = (names: readonly string[]) =>
      encodeVector(names.map((name, i) => [...unsignedLeb128(i), ...encodeName(name)]));
    const locals = this.#functions.map((
      { builder },
      i,
    ) => [...unsignedLeb128(i), ...map(builder.localNames())]);
    return [
      ...encodeSection(1, map(this.#functions.map(({ builder }) => builder.name))),
      ...encodeSection(2, encodeVector(locals)),
    ];
  }
}

/**
 * Builds a module that imports the device's memory and exports `run(args: i32, begin: i32, end: i32, lane: i32)`,
 * the contract of `CpuCall`.
 */
export function kernelModule(build: (f: KernelBuilder) => void): Uint8Array<ArrayBuffer> {
  const builder = new KernelBuilder();
  build(builder);
  return builder.module();
}

/** The same module over memory that is not shared, for runtimes that have no shared memory. */
export function withUnsharedMemory(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  const start = copy.findIndex((_, i) => MEMORY_IMPORT.every((byte, j) => copy[i + j] === byte));
  copy[start + MEMORY_IMPORT.length] = UNSHARED_LIMITS;
  return copy;
}
