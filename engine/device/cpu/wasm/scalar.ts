import { signedLeb128Wide } from "./encoding.ts";
import { loadOf } from "./memory_access.ts";
import {
  type Binary,
  constant,
  type Expr,
  instructions,
  lift,
  type Load,
  type Named,
  node,
  type Select,
  type Unary,
  type ValueType,
} from "./types.ts";

const unary =
  <A extends ValueType, R extends ValueType>(from: A, to: R) => (code: number): Unary<A, R> => (a) =>
    node(to, [code], lift(from, a));
const binary =
  <A extends ValueType, R extends ValueType>(from: A, to: R) => (code: number): Binary<A, R> => (a, b) =>
    node(to, [code], lift(from, a), lift(from, b));
const selectOf = <T extends ValueType>(type: T): Select<T> => (condition, whenTrue, whenFalse) =>
  node(type, [0x1b], lift(type, whenTrue), lift(type, whenFalse), lift("i32", condition));
const saturating = <A extends ValueType>(from: A) => (code: number): Unary<A, "i32"> => (a) =>
  node("i32", [0xfc, code], lift(from, a));

/** Consecutive opcodes from `first`, in the order of `names`. */
function codes<N extends string>(first: number, names: readonly N[]): Record<N, number> {
  return Object.fromEntries(names.map((name, i) => [name, first + i])) as Record<N, number>;
}

const INTEGER_COMPARE = ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"] as const;
const INTEGER_UNARY = ["clz", "ctz", "popcnt"] as const;
const INTEGER_BINARY = [
  "add",
  "sub",
  "mul",
  "div_s",
  "div_u",
  "rem_s",
  "rem_u",
  "and",
  "or",
  "xor",
  "shl",
  "shr_s",
  "shr_u",
  "rotl",
  "rotr",
] as const;
const FLOAT_COMPARE = ["eq", "ne", "lt", "gt", "le", "ge"] as const;
const FLOAT_UNARY = ["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"] as const;
const FLOAT_BINARY = ["add", "sub", "mul", "div", "min", "max", "copysign"] as const;

/** Comparisons of integers. */
export type IntegerCompare = (typeof INTEGER_COMPARE)[number];
/** Integer instructions of one operand. */
export type IntegerUnary = (typeof INTEGER_UNARY)[number];
/** Integer instructions of two operands. */
export type IntegerBinary = (typeof INTEGER_BINARY)[number];
/** Comparisons of floats. */
export type FloatCompare = (typeof FLOAT_COMPARE)[number];
/** Float instructions of one operand. */
export type FloatUnary = (typeof FLOAT_UNARY)[number];
/** Float instructions of two operands. */
export type FloatBinary = (typeof FLOAT_BINARY)[number];

const i32Binary = instructions(codes(0x6a, INTEGER_BINARY), binary("i32", "i32"));

/** Folds an i32 operation on constants and drops its `identity`, so that address sums stay short. */
function folding(
  plain: Binary<"i32", "i32">,
  compute: (a: number, b: number) => number,
  identity: number,
  commutes = false,
): Binary<"i32", "i32"> {
  return (left, right) => {
    const a = lift("i32", left), b = lift("i32", right);
    if (a.constant !== undefined && b.constant !== undefined) {
      return constant("i32", compute(a.constant, b.constant) | 0);
    }
    if (commutes && a.constant === identity) return b;
    return b.constant === identity ? a : plain(a, b);
  };
}

/** Instructions of 32-bit integers; addresses are unsigned. Names and meaning are WebAssembly's. */
export const i32:
  & Named<IntegerBinary, Binary<"i32", "i32">>
  & Named<IntegerCompare, Binary<"i32", "i32">>
  & Named<IntegerUnary | "eqz", Unary<"i32", "i32">>
  & Named<"trunc_sat_f32_s" | "trunc_sat_f32_u" | "reinterpret_f32", Unary<"f32", "i32">>
  & Named<"trunc_sat_f64_s" | "trunc_sat_f64_u", Unary<"f64", "i32">>
  & Named<"wrap_i64", Unary<"i64", "i32">>
  & Named<"load" | "load8_s" | "load8_u" | "load16_s" | "load16_u", Load<"i32">>
  & { readonly const: (value: number) => Expr<"i32">; readonly select: Select<"i32"> } = {
    ...i32Binary,
    add: folding(i32Binary.add, (a, b) => a + b, 0, true),
    sub: folding(i32Binary.sub, (a, b) => a - b, 0),
    mul: folding(i32Binary.mul, Math.imul, 1, true),
    shl: folding(i32Binary.shl, (a, b) => a << b, 0),
    ...instructions(codes(0x46, INTEGER_COMPARE), binary("i32", "i32")),
    ...instructions({ eqz: 0x45, ...codes(0x67, INTEGER_UNARY) }, unary("i32", "i32")),
    ...instructions({ reinterpret_f32: 0xbc }, unary("f32", "i32")),
    ...instructions({ wrap_i64: 0xa7 }, unary("i64", "i32")),
    ...instructions({ trunc_sat_f32_s: 0, trunc_sat_f32_u: 1 }, saturating("f32")),
    ...instructions({ trunc_sat_f64_s: 2, trunc_sat_f64_u: 3 }, saturating("f64")),
    load: loadOf("i32", [0x28], 2),
    load8_s: loadOf("i32", [0x2c], 0),
    load8_u: loadOf("i32", [0x2d], 0),
    load16_s: loadOf("i32", [0x2e], 1),
    load16_u: loadOf("i32", [0x2f], 1),
    const: (value: number): Expr<"i32"> => constant("i32", value),
    select: selectOf("i32"),
  };

/** Instructions of 64-bit integers, for wide products and counters. */
export const i64:
  & Named<IntegerBinary, Binary<"i64", "i64">>
  & Named<IntegerCompare, Binary<"i64", "i32">>
  & Named<IntegerUnary, Unary<"i64", "i64">>
  & Named<"eqz", Unary<"i64", "i32">>
  & Named<"extend_i32_s" | "extend_i32_u", Unary<"i32", "i64">>
  & Named<"reinterpret_f64", Unary<"f64", "i64">>
  & Named<"load", Load<"i64">>
  & { readonly const: (value: bigint) => Expr<"i64">; readonly select: Select<"i64"> } = {
    ...instructions(codes(0x7c, INTEGER_BINARY), binary("i64", "i64")),
    ...instructions(codes(0x51, INTEGER_COMPARE), binary("i64", "i32")),
    ...instructions(codes(0x79, INTEGER_UNARY), unary("i64", "i64")),
    ...instructions({ eqz: 0x50 }, unary("i64", "i32")),
    ...instructions({ extend_i32_s: 0xac, extend_i32_u: 0xad }, unary("i32", "i64")),
    ...instructions({ reinterpret_f64: 0xbd }, unary("f64", "i64")),
    load: loadOf("i64", [0x29], 3),
    const: (value: bigint): Expr<"i64"> => node("i64", [0x42, ...signedLeb128Wide(BigInt.asIntN(64, value))]),
    select: selectOf("i64"),
  };

/** Instructions of 32-bit floats. */
export const f32:
  & Named<FloatBinary, Binary<"f32", "f32">>
  & Named<FloatCompare, Binary<"f32", "i32">>
  & Named<FloatUnary, Unary<"f32", "f32">>
  & Named<"convert_i32_s" | "convert_i32_u" | "reinterpret_i32", Unary<"i32", "f32">>
  & Named<"demote_f64", Unary<"f64", "f32">>
  & Named<"load", Load<"f32">>
  & { readonly const: (value: number) => Expr<"f32">; readonly select: Select<"f32"> } = {
    ...instructions(codes(0x92, FLOAT_BINARY), binary("f32", "f32")),
    ...instructions(codes(0x5b, FLOAT_COMPARE), binary("f32", "i32")),
    ...instructions(codes(0x8b, FLOAT_UNARY), unary("f32", "f32")),
    ...instructions({ convert_i32_s: 0xb2, convert_i32_u: 0xb3, reinterpret_i32: 0xbe }, unary("i32", "f32")),
    ...instructions({ demote_f64: 0xb6 }, unary("f64", "f32")),
    load: loadOf("f32", [0x2a], 2),
    const: (value: number): Expr<"f32"> => constant("f32", value),
    select: selectOf("f32"),
  };

/** Instructions of 64-bit floats. */
export const f64:
  & Named<FloatBinary, Binary<"f64", "f64">>
  & Named<FloatCompare, Binary<"f64", "i32">>
  & Named<FloatUnary, Unary<"f64", "f64">>
  & Named<"convert_i32_s" | "convert_i32_u", Unary<"i32", "f64">>
  & Named<"promote_f32", Unary<"f32", "f64">>
  & Named<"reinterpret_i64" | "convert_i64_s" | "convert_i64_u", Unary<"i64", "f64">>
  & Named<"load", Load<"f64">>
  & { readonly const: (value: number) => Expr<"f64">; readonly select: Select<"f64"> } = {
    ...instructions(codes(0xa0, FLOAT_BINARY), binary("f64", "f64")),
    ...instructions(codes(0x61, FLOAT_COMPARE), binary("f64", "i32")),
    ...instructions(codes(0x99, FLOAT_UNARY), unary("f64", "f64")),
    ...instructions({ convert_i32_s: 0xb7, convert_i32_u: 0xb8 }, unary("i32", "f64")),
    ...instructions({ promote_f32: 0xbb }, unary("f32", "f64")),
    ...instructions({ reinterpret_i64: 0xbf, convert_i64_s: 0xb9, convert_i64_u: 0xba }, unary("i64", "f64")),
    load: loadOf("f64", [0x2b], 3),
    const: (value: number): Expr<"f64"> => constant("f64", value),
    select: selectOf("f64"),
  };
