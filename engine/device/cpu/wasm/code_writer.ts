import { encodeVector, unsignedLeb128 } from "./encoding.ts";
import { memoryArgument } from "./memory_access.ts";
import { f32x4, i32x4, laneIndex, simd } from "./simd.ts";
import { type Expr, lift, node, type Operand, TYPE_CODE, type ValueType } from "./types.ts";

/** A variable of a function. Reading it is using it as an expression. */
export interface Local<T extends ValueType = ValueType> extends Expr<T> {
  /** For messages and profiles; need not be unique. */
  readonly name: string;
  /** Appends an assignment at the current place of the function. */
  set(value: Operand<T>): void;
}

/**
 * The straight-line part of a function under construction: locals, constants, stores. Statements are appended in
 * the order in which the methods are called; nothing is moved, except that the vector constants of `f32x4`, `i32x4`
 * and `hoist` go to the start of the function.
 */
export class CodeWriter {
  /** Code of the statements so far. */
  protected readonly body: number[] = [];
  readonly #prologue: number[] = [];
  readonly #locals: Local[] = [];
  readonly #hoisted = new Map<string, Local>();
  readonly #parameters: number;

  /** Names are for messages, stack traces and profiles. */
  constructor(readonly name: string, parameters: readonly (readonly [string, ValueType])[]) {
    this.#parameters = parameters.length;
    for (const [parameter, type] of parameters) this.local(type, parameter);
  }

  /** The local of parameter `index`. */
  parameter<T extends ValueType>(index: number): Local<T> {
    return this.#locals[index] as Local as Local<T>;
  }

  /** Declares a local and, where `init` is given, sets it here. */
  local<T extends ValueType>(type: T, name: string, init?: Operand<T>): Local<T> {
    const index = unsignedLeb128(this.#locals.length);
    const local: Local<T> = {
      ...node(type, [0x20, ...index]),
      owner: this,
      name,
      set: (value) => this.write(node(type, [0x21, ...index], lift(type, value))),
    };
    this.#locals.push(local as Local);
    if (init !== undefined) local.set(init);
    return local;
  }

  /** Declares an `i32` local: an integer or an address. */
  localI32(name: string, init?: Operand<"i32">): Local<"i32"> {
    return this.local("i32", name, init);
  }

  /** Declares an `i64` local. */
  localI64(name: string, init?: Expr<"i64">): Local<"i64"> {
    return this.local("i64", name, init);
  }

  /** Declares an `f32` local. */
  localF32(name: string, init?: Operand<"f32">): Local<"f32"> {
    return this.local("f32", name, init);
  }

  /** Declares an `f64` local. */
  localF64(name: string, init?: Operand<"f64">): Local<"f64"> {
    return this.local("f64", name, init);
  }

  /** Declares a `v128` local. */
  localV128(name: string, init?: Expr<"v128">): Local<"v128"> {
    return this.local("v128", name, init);
  }

  /**
   * Four equal floats, or four given ones, in a local set once at the start of the function. V8 would rebuild a
   * constant inside each loop that uses it.
   */
  f32x4(...values: readonly number[]): Expr<"v128"> {
    const rest = values.slice(1);
    const vector = rest.reduce((v, value, i) => f32x4.replace_lane(v, i + 1, value), f32x4.splat(values[0]));
    return this.hoist(
      `f32x4(${values.map((value) => Object.is(value, -0) ? "-0" : value).join(", ")})`,
      vector,
    );
  }

  /** Four equal integers, or four given ones, in a local set once at the start of the function. */
  i32x4(...values: readonly number[]): Expr<"v128"> {
    const rest = values.slice(1);
    const vector = rest.reduce((v, value, i) => i32x4.replace_lane(v, i + 1, value), i32x4.splat(values[0]));
    return this.hoist(`i32x4(${values.join(", ")})`, vector);
  }

  /** Computes `value`, made of constants and parameters, once at the start of the function; `key` names it. */
  hoist<T extends ValueType>(key: string, value: Expr<T>): Expr<T> {
    let local = this.#hoisted.get(key);
    if (!local) {
      local = this.local(value.type as ValueType, key);
      this.#emit(this.#prologue, value);
      this.#prologue.push(0x21, ...local.code.slice(1));
      this.#hoisted.set(key, local);
    }
    return local as Expr as Expr<T>;
  }

  /** Stores 32 bits at `address + offset` bytes. */
  storeI32(address: Operand<"i32">, value: Operand<"i32">, offset = 0): void {
    this.write(
      node("i32", [0x36, ...memoryArgument(2, offset)], lift("i32", address), lift("i32", value)),
    );
  }

  /** Stores the low 8 bits. */
  storeI8(address: Operand<"i32">, value: Operand<"i32">, offset = 0): void {
    this.write(
      node("i32", [0x3a, ...memoryArgument(0, offset)], lift("i32", address), lift("i32", value)),
    );
  }

  /** Stores the low 16 bits. */
  storeI16(address: Operand<"i32">, value: Operand<"i32">, offset = 0): void {
    this.write(
      node("i32", [0x3b, ...memoryArgument(1, offset)], lift("i32", address), lift("i32", value)),
    );
  }

  /** Stores a 32-bit float. */
  storeF32(address: Operand<"i32">, value: Operand<"f32">, offset = 0): void {
    this.write(
      node("i32", [0x38, ...memoryArgument(2, offset)], lift("i32", address), lift("f32", value)),
    );
  }

  /** Stores a 64-bit float. */
  storeF64(address: Operand<"i32">, value: Operand<"f64">, offset = 0): void {
    this.write(
      node("i32", [0x39, ...memoryArgument(3, offset)], lift("i32", address), lift("f64", value)),
    );
  }

  /** Stores 16 bytes; the address needs no alignment. */
  storeV128(address: Operand<"i32">, value: Expr<"v128">, offset = 0): void {
    this.write(node("i32", simd(0x0b, ...memoryArgument(2, offset)), lift("i32", address), value));
  }

  /** Stores one lane of 32 bits. */
  storeLane32(address: Operand<"i32">, value: Expr<"v128">, lane: number, offset = 0): void {
    const code = simd(0x5a, ...memoryArgument(2, offset), laneIndex(lane, 4));
    this.write(node("i32", code, lift("i32", address), value));
  }

  /** Stores one lane of 64 bits. */
  storeLane64(address: Operand<"i32">, value: Expr<"v128">, lane: number, offset = 0): void {
    const code = simd(0x5b, ...memoryArgument(2, offset), laneIndex(lane, 2));
    this.write(node("i32", code, lift("i32", address), value));
  }

  /** Copies `bytes` bytes; the areas may overlap. */
  copy(to: Operand<"i32">, from: Operand<"i32">, bytes: Operand<"i32">): void {
    this.write(
      node("i32", [0xfc, 0x0a, 0, 0], lift("i32", to), lift("i32", from), lift("i32", bytes)),
    );
  }

  /** Sets `bytes` bytes to `value`. */
  fill(to: Operand<"i32">, value: Operand<"i32">, bytes: Operand<"i32">): void {
    this.write(
      node("i32", [0xfc, 0x0b, 0], lift("i32", to), lift("i32", value), lift("i32", bytes)),
    );
  }

  /** Names of the locals, parameters first. */
  localNames(): string[] {
    return this.#locals.map((local) => local.name);
  }

  /** The function's entry in the code section, ending with `result` where it returns a value. */
  encode(result?: Expr): number[] {
    const code: number[] = [...this.#prologue, ...this.body];
    if (result) this.#emit(code, result);
    const declared = this.#locals.slice(this.#parameters).map((local) => [1, TYPE_CODE[local.type]]);
    const bytes = [...encodeVector(declared), ...code, 0x0b];
    return [...unsignedLeb128(bytes.length), ...bytes];
  }

  /** Appends an instruction as a statement. */
  protected write(statement: Expr): void {
    this.#emit(this.body, statement);
  }

  #emit(code: number[], expr: Expr): void {
    if (expr.owner && expr.owner !== this) {
      const { name } = expr as Local;
      throw new TypeError(
        `Cannot use local "${name}" in function "${this.name}": it belongs to another function`,
      );
    }
    for (const operand of expr.operands) this.#emit(code, operand);
    for (const byte of expr.code) code.push(byte);
  }
}
