import { unsignedLeb128 } from "./encoding.ts";
import { loadOf } from "./memory_access.ts";
import type { FloatCompare, FloatUnary, IntegerCompare } from "./scalar.ts";
import {
  type Binary,
  type Expr,
  instructions,
  lift,
  type Load,
  type Named,
  node,
  type Operand,
  type Select,
  type Ternary,
  type Unary,
  type ValueType,
} from "./types.ts";

/** Encodes a SIMD opcode. */
export function simd(code: number, ...immediates: readonly number[]): number[] {
  return [0xfd, ...unsignedLeb128(code), ...immediates];
}

const unary = (code: number): Unary<"v128", "v128"> => (a) => node("v128", simd(code), a);
const binary = (code: number): Binary<"v128", "v128"> => (a, b) => node("v128", simd(code), a, b);
const ternary = (code: number): Ternary<"v128"> => (a, b, c) => node("v128", simd(code), a, b, c);
const test = (code: number): Unary<"v128", "i32"> => (a) => node("i32", simd(code), a);
const shift = (code: number): Shift => (a, count) => node("v128", simd(code), a, lift("i32", count));
const splatOf = <T extends ValueType>(type: T, code: number): Unary<T, "v128"> => (a) =>
  node("v128", simd(code), lift(type, a));

/** Checks a lane number, since a wrong one would only fail when the module is compiled. */
export function laneIndex(lane: number, lanes: number): number {
  if (Number.isInteger(lane) && lane >= 0 && lane < lanes) return lane;
  throw new RangeError(`Cannot use lane ${lane}: a whole number from 0 to ${lanes - 1} is wanted`);
}

function extractOf<T extends ValueType>(type: T, code: number, lanes: number): Extract<T> {
  return (a, lane) => node(type, simd(code, laneIndex(lane, lanes)), a);
}

function replaceOf<T extends ValueType>(type: T, code: number, lanes: number): Replace<T> {
  return (a, lane, value) => node("v128", simd(code, laneIndex(lane, lanes)), a, lift(type, value));
}

/** A shuffle of lanes of `width` bytes: lanes of `a` are numbered first, then those of `b`. */
function shuffleOf(width: number): Shuffle {
  const lanes = 16 / width;
  return (a, b, picks) => {
    if (picks.length !== lanes) {
      throw new RangeError(`Cannot shuffle by ${picks.length} lane numbers: ${lanes} are wanted`);
    }
    const bytes = picks.flatMap((pick) => {
      laneIndex(pick, 2 * lanes);
      return Array.from({ length: width }, (_, byte) => pick * width + byte);
    });
    return node("v128", simd(0x0d, ...bytes), a, b);
  };
}

/** Reads one lane. */
export type Extract<T extends ValueType> = (a: Expr<"v128">, lane: number) => Expr<T>;
/** Sets one lane. */
export type Replace<T extends ValueType> = (a: Expr<"v128">, lane: number, value: Operand<T>) => Expr<"v128">;
/** Picks lanes by number: those of `a` come first, then those of `b`. */
export type Shuffle = (a: Expr<"v128">, b: Expr<"v128">, picks: readonly number[]) => Expr<"v128">;
/** Shifts every lane by the same count. */
export type Shift = (a: Expr<"v128">, count: Operand<"i32">) => Expr<"v128">;
/** Lane-wise integer instructions of two operands. */
export type IntegerArithmetic = "add" | "sub" | "mul" | "min_s" | "min_u" | "max_s" | "max_u";
/** Lane-wise float instructions of two operands. */
export type FloatArithmetic = "add" | "sub" | "mul" | "div" | "min" | "max" | "pmin" | "pmax";

/** Instructions on all 128 bits, and vector loads. Stores are statements: `f.storeV128` and its siblings. */
export const v128:
  & Named<"and" | "andnot" | "or" | "xor", Binary<"v128", "v128">>
  & Named<"not", Unary<"v128", "v128">>
  & Named<"any_true", Unary<"v128", "i32">>
  & Named<
    "load" | "load8_splat" | "load16_splat" | "load32_splat" | "load64_splat" | "load32_zero" | "load64_zero",
    Load<"v128">
  >
  & {
    /** Takes the bits of `a` where `mask` is 1, of `b` where it is 0. */
    readonly bitselect: Ternary<"v128">;
    readonly select: Select<"v128">;
    /** Loads 32 bits into one lane of `v`. */
    readonly load32_lane: (
      address: Operand<"i32">,
      v: Expr<"v128">,
      lane: number,
      offset?: number,
    ) => Expr<"v128">;
  } = {
    ...instructions({ and: 0x4e, andnot: 0x4f, or: 0x50, xor: 0x51 }, binary),
    not: unary(0x4d),
    any_true: test(0x53),
    bitselect: ternary(0x52),
    select: (condition, a, b) => node("v128", [0x1b], a, b, lift("i32", condition)),
    load: loadOf("v128", simd(0x00), 2),
    load8_splat: loadOf("v128", simd(0x07), 0),
    load16_splat: loadOf("v128", simd(0x08), 1),
    load32_splat: loadOf("v128", simd(0x09), 2),
    load64_splat: loadOf("v128", simd(0x0a), 2),
    load32_zero: loadOf("v128", simd(0x5c), 2),
    load64_zero: loadOf("v128", simd(0x5d), 2),
    load32_lane: (address, v, lane, offset = 0) => {
      const load = loadOf("v128", simd(0x56), 2)(address, offset);
      return node("v128", [...load.code, laneIndex(lane, 4)], load.operands[0], v);
    },
  };

/** Four 32-bit floats. `pmin`/`pmax` are one machine instruction, `min`/`max` several (they order NaN and -0). */
export const f32x4:
  & Named<FloatArithmetic | FloatCompare, Binary<"v128", "v128">>
  & Named<FloatUnary | "convert_i32x4_s" | "convert_i32x4_u" | "demote_f64x2_zero", Unary<"v128", "v128">>
  & Named<"relaxed_madd" | "relaxed_nmadd", Ternary<"v128">>
  & {
    readonly splat: Unary<"f32", "v128">;
    readonly extract_lane: Extract<"f32">;
    readonly replace_lane: Replace<"f32">;
  } = {
    ...instructions({ add: 0xe4, sub: 0xe5, mul: 0xe6, div: 0xe7 }, binary),
    ...instructions({ min: 0xe8, max: 0xe9, pmin: 0xea, pmax: 0xeb }, binary),
    ...instructions({ eq: 0x41, ne: 0x42, lt: 0x43, gt: 0x44, le: 0x45, ge: 0x46 }, binary),
    ...instructions({ ceil: 0x67, floor: 0x68, trunc: 0x69, nearest: 0x6a }, unary),
    ...instructions({ abs: 0xe0, neg: 0xe1, sqrt: 0xe3 }, unary),
    ...instructions({ convert_i32x4_s: 0xfa, convert_i32x4_u: 0xfb, demote_f64x2_zero: 0x5e }, unary),
    ...instructions({ relaxed_madd: 0x105, relaxed_nmadd: 0x106 }, ternary),
    splat: splatOf("f32", 0x13),
    extract_lane: extractOf("f32", 0x1f, 4),
    replace_lane: replaceOf("f32", 0x20, 4),
  };

/** Four 32-bit integers. `shuffle` picks four lanes of 32 bits out of eight. */
export const i32x4:
  & Named<IntegerArithmetic | IntegerCompare, Binary<"v128", "v128">>
  & Named<"abs" | "neg" | "trunc_sat_f32x4_s" | "trunc_sat_f32x4_u", Unary<"v128", "v128">>
  & Named<"all_true" | "bitmask", Unary<"v128", "i32">>
  & Named<"shl" | "shr_s" | "shr_u", Shift>
  & {
    readonly splat: Unary<"i32", "v128">;
    readonly extract_lane: Extract<"i32">;
    readonly replace_lane: Replace<"i32">;
    readonly shuffle: Shuffle;
  } = {
    ...instructions({ add: 0xae, sub: 0xb1, mul: 0xb5 }, binary),
    ...instructions({ min_s: 0xb6, min_u: 0xb7, max_s: 0xb8, max_u: 0xb9 }, binary),
    ...instructions({ eq: 0x37, ne: 0x38, lt_s: 0x39, lt_u: 0x3a, gt_s: 0x3b, gt_u: 0x3c }, binary),
    ...instructions({ le_s: 0x3d, le_u: 0x3e, ge_s: 0x3f, ge_u: 0x40 }, binary),
    ...instructions({ abs: 0xa0, neg: 0xa1, trunc_sat_f32x4_s: 0xf8, trunc_sat_f32x4_u: 0xf9 }, unary),
    ...instructions({ all_true: 0xa3, bitmask: 0xa4 }, test),
    ...instructions({ shl: 0xab, shr_s: 0xac, shr_u: 0xad }, shift),
    splat: splatOf("i32", 0x11),
    extract_lane: extractOf("i32", 0x1b, 4),
    replace_lane: replaceOf("i32", 0x1c, 4),
    shuffle: shuffleOf(4),
  };

/** Two 64-bit integers; `extmul_*_u` gives full 64-bit products of 32-bit lanes. */
export const i64x2:
  & Named<"add" | "sub" | "mul" | "extmul_low_i32x4_u" | "extmul_high_i32x4_u", Binary<"v128", "v128">>
  & Named<"extend_low_i32x4_u" | "extend_high_i32x4_u", Unary<"v128", "v128">>
  & Named<"shl" | "shr_u", Shift>
  & { readonly splat: Unary<"i64", "v128">; readonly extract_lane: Extract<"i64"> } = {
    ...instructions({ add: 0xce, sub: 0xd1, mul: 0xd5 }, binary),
    ...instructions({ extmul_low_i32x4_u: 0xde, extmul_high_i32x4_u: 0xdf }, binary),
    ...instructions({ extend_low_i32x4_u: 0xc9, extend_high_i32x4_u: 0xca }, unary),
    ...instructions({ shl: 0xcb, shr_u: 0xcd }, shift),
    splat: splatOf("i64", 0x12),
    extract_lane: extractOf("i64", 0x1d, 2),
  };

/** Two 64-bit floats, for sums that need the precision. */
export const f64x2:
  & Named<FloatArithmetic, Binary<"v128", "v128">>
  & Named<"abs" | "neg" | "sqrt" | "promote_low_f32x4" | "convert_low_i32x4_s", Unary<"v128", "v128">>
  & Named<"relaxed_madd" | "relaxed_nmadd", Ternary<"v128">>
  & {
    readonly splat: Unary<"f64", "v128">;
    readonly extract_lane: Extract<"f64">;
    readonly replace_lane: Replace<"f64">;
    readonly shuffle: Shuffle;
  } = {
    ...instructions({ add: 0xf0, sub: 0xf1, mul: 0xf2, div: 0xf3 }, binary),
    ...instructions({ min: 0xf4, max: 0xf5, pmin: 0xf6, pmax: 0xf7 }, binary),
    ...instructions({ abs: 0xec, neg: 0xed, sqrt: 0xef }, unary),
    ...instructions({ promote_low_f32x4: 0x5f, convert_low_i32x4_s: 0xfe }, unary),
    ...instructions({ relaxed_madd: 0x107, relaxed_nmadd: 0x108 }, ternary),
    splat: splatOf("f64", 0x14),
    extract_lane: extractOf("f64", 0x21, 2),
    replace_lane: replaceOf("f64", 0x22, 2),
    shuffle: shuffleOf(8),
  };

/** Sixteen bytes: `swizzle` picks bytes of `a` by the numbers in `b` (0 where out of range). */
export const i8x16: { readonly swizzle: Binary<"v128", "v128">; readonly shuffle: Shuffle } = {
  swizzle: binary(0x0e),
  shuffle: shuffleOf(1),
};
