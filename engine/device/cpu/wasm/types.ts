import { signedLeb128 } from "./encoding.ts";

/** Value types of WebAssembly that the assembler handles. */
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/**
 * An immutable tree of instructions that leaves one value of type `T` on the stack.
 *
 * A tree is code, not a value: one that is used in two places is computed twice, at those places. Put what is
 * needed twice into a local.
 */
export interface Expr<T extends ValueType = ValueType> {
  /** Type of the value. */
  readonly type: T;
  /** Opcode and immediates, emitted after the operands. */
  readonly code: readonly number[];
  /** What the instruction takes from the stack, in order. */
  readonly operands: readonly Expr[];
  /** The value of an `i32.const`, for folding. */
  readonly constant?: number;
  /** The function whose local this is; using it in another function is an error. */
  readonly owner?: object;
}

/** What an instruction takes: an expression, or a plain number where the type is a scalar. */
export type Operand<T extends ValueType> = T extends "i64" | "v128" ? Expr<T> : Expr<T> | number;

/** Instruction of one operand. */
export type Unary<A extends ValueType, R extends ValueType> = (a: Operand<A>) => Expr<R>;
/** Instruction of two operands of one type. */
export type Binary<A extends ValueType, R extends ValueType> = (a: Operand<A>, b: Operand<A>) => Expr<R>;
/** Instruction of three operands of one type. */
export type Ternary<T extends ValueType> = (a: Operand<T>, b: Operand<T>, c: Operand<T>) => Expr<T>;
/** `condition != 0 ? whenTrue : whenFalse`; both sides are computed. */
export type Select<T extends ValueType> = (
  condition: Operand<"i32">,
  whenTrue: Operand<T>,
  whenFalse: Operand<T>,
) => Expr<T>;
/** Reads memory at `address + offset`; `offset` is a constant of at least 0 bytes and costs nothing. */
export type Load<T extends ValueType> = (address: Operand<"i32">, offset?: number) => Expr<T>;
/** Functions of one shape by instruction name. */
export type Named<N extends string, F> = Readonly<Record<N, F>>;

/** Binary code of each value type. */
export const TYPE_CODE: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** Makes an instruction of `code` applied to `operands`. */
export function node<T extends ValueType>(
  type: T,
  code: readonly number[],
  ...operands: readonly Expr[]
): Expr<T> {
  return { type, code, operands };
}

/** Makes a constant; `i32` takes -2^31 to 2^32 - 1, so that addresses above 2 GiB fit. */
export function constant<T extends "i32" | "f32" | "f64">(type: T, value: number): Expr<T> {
  if (type === "i32") {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0xffffffff) {
      throw new RangeError(`Cannot encode ${value} as i32: a whole number of 32 bits is wanted`);
    }
    return { type, code: [0x41, ...signedLeb128(value | 0)], operands: [], constant: value | 0 };
  }
  const bytes = type === "f32" ? new Float32Array([value]) : new Float64Array([value]);
  return node(type, [type === "f32" ? 0x43 : 0x44, ...new Uint8Array(bytes.buffer)]);
}

/** Turns a plain number into a constant of `type`; leaves expressions alone. */
export function lift<T extends ValueType>(type: T, operand: Expr | number): Expr<T> {
  if (typeof operand !== "number") return operand as Expr<T>;
  return constant(type as "i32" | "f32" | "f64", operand) as Expr as Expr<T>;
}

/** Makes one function per instruction name from a table of opcodes. */
export function instructions<N extends string, F>(
  codes: Readonly<Record<N, number>>,
  make: (code: number) => F,
): Named<N, F> {
  const names = Object.keys(codes) as N[];
  return Object.fromEntries(names.map((name) => [name, make(codes[name])])) as Record<N, F>;
}
