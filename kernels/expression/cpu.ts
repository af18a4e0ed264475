import type { Expr, FunctionBuilder } from "../../engine/device/cpu/wasm/mod.ts";
import { f32x4, i32, i32x4, math, v128 } from "../../engine/device/cpu/wasm/mod.ts";
import type { Axis } from "./layout.ts";
import {
  type BinaryOp,
  children,
  type CompareOp,
  type Expression,
  schedule,
  type UnaryOp,
  type ValueType,
} from "./expression.ts";

type Vector = Expr<"v128">;
type Unary = (f: FunctionBuilder, a: Vector, type: ValueType) => Vector;
type Binary = (a: Vector, b: Vector) => Vector;
type Load = (index: number) => Vector;

/** By operation; the type is that of the operand. */
const UNARY: Record<UnaryOp, Unary> = {
  neg: (_, a, type) => type === "f32" ? f32x4.neg(a) : i32x4.neg(a),
  recip: math.recip,
  exp: math.exp,
  log: math.log,
  sqrt: math.sqrt,
  tanh: math.tanh,
  sigmoid: math.sigmoid,
  sin: math.sin,
  cos: math.cos,
  toF32: (_, a, type) => type === "u32" ? f32x4.convert_i32x4_u(a) : f32x4.convert_i32x4_s(a),
};

/** By operation, for f32, i32 and u32 operands. */
const BINARY: Record<BinaryOp | CompareOp, readonly [f32: Binary, i32: Binary, u32: Binary]> = {
  add: [f32x4.add, i32x4.add, i32x4.add],
  mul: [f32x4.mul, i32x4.mul, i32x4.mul],
  min: [f32x4.min, i32x4.min_s, i32x4.min_u],
  max: [f32x4.max, i32x4.max_s, i32x4.max_u],
  lt: [f32x4.lt, i32x4.lt_s, i32x4.lt_u],
  le: [f32x4.le, i32x4.le_s, i32x4.le_u],
  eq: [f32x4.eq, i32x4.eq, i32x4.eq],
};

/**
 * Some roots as WASM SIMD code, four elements at a time. What depends on constants and splat inputs alone is computed
 * in `prepare`, outside the loop over elements; booleans are lane masks.
 */
export class VectorExpression {
  readonly #nodes: readonly Expression[];
  readonly #below: readonly (readonly number[])[];
  readonly #roots: readonly number[];
  readonly #varies: readonly boolean[];
  readonly #values: Vector[] = [];

  /** @param varies whether input `index` changes from element to element */
  constructor(
    private readonly f: FunctionBuilder,
    roots: readonly Expression[],
    varies: (index: number) => boolean,
  ) {
    const { nodes, indexOf } = schedule(roots);
    this.#nodes = nodes;
    this.#below = nodes.map((e) => children(e).map(indexOf));
    this.#roots = roots.map(indexOf);
    const varying: boolean[] = [];
    nodes.forEach((e, i) =>
      varying.push(e.op === "input" ? varies(e.index) : this.#below[i].some((child) => varying[child]))
    );
    this.#varies = varying;
  }

  /** Appends the code of everything that stays the same; `load` reads a splat input. */
  prepare(load: Load): void {
    this.#emit(false, load);
  }

  /** Appends the code of four elements and returns the roots' values; `load` reads four elements of an input. */
  compute(load: Load): Vector[] {
    this.#emit(true, load);
    return this.#roots.map((i) => this.#values[i]);
  }

  #emit(varying: boolean, load: Load): void {
    this.#nodes.forEach((e, i) => {
      if (this.#varies[i] === varying) this.#values[i] = this.#node(e, i, load);
    });
  }

  #node(e: Expression, i: number, load: Load): Vector {
    const [a, b, c] = this.#below[i].map((child) => this.#values[child]);
    if (e.op === "const") return e.type === "f32" ? this.f.f32x4(e.value) : this.f.i32x4(e.value);
    const keep = (value: Vector) => this.f.localV128(`v${i}`, value);
    if (e.op === "input") return keep(load(e.index));
    if (e.op === "select") return keep(v128.bitselect(b, c, a));
    if ("b" in e) {
      const [f32, signed, unsigned] = BINARY[e.op];
      const { type } = e.a;
      return keep((type === "f32" ? f32 : type === "i32" ? signed : unsigned)(a, b));
    }
    const value = UNARY[e.op](this.f, a, e.a.type);
    return value.owner ? value : keep(value);
  }
}

/** Code for every operand's offset in bytes at position `index` of some loops, outermost first. */
export function byteOffsets(
  f: FunctionBuilder,
  axes: readonly Axis[],
  operands: number,
  index: Expr<"i32">,
): Expr<"i32">[] {
  const offsets: Expr<"i32">[] = Array.from({ length: operands }, () => i32.const(0));
  let rest = index;
  for (let d = axes.length - 1; d >= 0; d--) {
    const { size, strides } = axes[d];
    const counter = d === 0 ? rest : f.localI32("counter", i32.rem_u(rest, size));
    if (d > 0) rest = f.localI32("rest", i32.div_u(rest, size));
    strides.forEach((stride, i) => {
      if (stride === 0) return;
      const term = i32.mul(counter, 4 * stride);
      offsets[i] = offsets[i].constant === 0 ? term : i32.add(offsets[i], term);
    });
  }
  return offsets.map((offset) => offset.constant === 0 ? offset : f.localI32("offset", offset));
}
