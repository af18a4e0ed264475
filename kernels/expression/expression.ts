/**
 * Element-wise maths as expressions. About fifteen kinds of nodes, from which the WGSL, the WASM, the f64 reference
 * and the derivative are all made.
 *
 * @module
 */
import type { DType } from "../../engine/core/dtype.ts";

/** Type of a node's value; `bool` exists only between `compare` and `select`. */
export type ValueType = DType | "bool";

/** Type that elements of a dtype have once they are read: `f16` is for storage only. */
export function valueType(dtype: DType): DType {
  return dtype === "f16" ? "f32" : dtype;
}

/** Functions of one number. */
export type UnaryOp =
  | "neg"
  | "recip"
  | "exp"
  | "log"
  | "sqrt"
  | "tanh"
  | "sigmoid"
  | "sin"
  | "cos"
  | "toF32";

/** Functions of two numbers of one type. */
export type BinaryOp = "add" | "mul" | "min" | "max";

/** Comparisons. */
export type CompareOp = "lt" | "le" | "eq";

/** A node. Nodes are values: they are never changed, and equal subtrees may be shared. */
export type Expression =
  & { readonly type: ValueType }
  & (
    | { readonly op: "const"; readonly value: number }
    | { readonly op: "input"; readonly index: number }
    | { readonly op: UnaryOp; readonly a: Expression }
    | { readonly op: BinaryOp | CompareOp; readonly a: Expression; readonly b: Expression }
    | { readonly op: "select"; readonly when: Expression; readonly a: Expression; readonly b: Expression }
  );

/** An expression, or a number that stands for an `f32` constant. */
export type Operand = Expression | number;

/** A constant. */
export function constant(value: number, type: DType = "f32"): Expression {
  return { op: "const", value, type };
}

/** The element of input `index` at the current position. */
export function input(index: number, type: DType = "f32"): Expression {
  return { op: "input", index, type };
}

function lift(operand: Operand, type: DType = "f32"): Expression {
  return typeof operand === "number" ? constant(operand, type) : operand;
}

function isConst(e: Expression, value?: number): e is Expression & { op: "const"; value: number } {
  return e.op === "const" && (value === undefined || e.value === value);
}

function unary(op: UnaryOp, a: Operand): Expression {
  return { op, a: lift(a), type: "f32" };
}

/** `a + b`; folds constants and zeros. */
export function add(a: Operand, b: Operand): Expression {
  const [x, y] = lifted(a, b);
  if (isConst(x) && isConst(y)) return constant(x.value + y.value, x.type as DType);
  if (isConst(x, 0)) return y;
  if (isConst(y, 0)) return x;
  return { op: "add", a: x, b: y, type: x.type };
}

/** `a * b`; folds constants, zeros and ones. */
export function mul(a: Operand, b: Operand): Expression {
  const [x, y] = lifted(a, b);
  if (isConst(x) && isConst(y)) return constant(x.value * y.value, x.type as DType);
  if (isConst(x, 0) || isConst(y, 1)) return x;
  if (isConst(y, 0) || isConst(x, 1)) return y;
  return { op: "mul", a: x, b: y, type: x.type };
}

/** `-a`. */
export function neg(a: Operand): Expression {
  const x = lift(a);
  return isConst(x) ? constant(-x.value, x.type as DType) : { op: "neg", a: x, type: x.type };
}

/** `a - b`. */
export function sub(a: Operand, b: Operand): Expression {
  return add(a, neg(b));
}

/** `1 / a`. */
export function recip(a: Operand): Expression {
  return unary("recip", a);
}

/** `a / b`. */
export function div(a: Operand, b: Operand): Expression {
  return mul(a, recip(b));
}

/** `e^a`. */
export function exp(a: Operand): Expression {
  return unary("exp", a);
}

/** Natural logarithm. */
export function log(a: Operand): Expression {
  return unary("log", a);
}

/** Square root. */
export function sqrt(a: Operand): Expression {
  return unary("sqrt", a);
}

/** Hyperbolic tangent. */
export function tanh(a: Operand): Expression {
  return unary("tanh", a);
}

/** `1 / (1 + e^-a)`. */
export function sigmoid(a: Operand): Expression {
  return unary("sigmoid", a);
}

/** Sine of `a` radians. */
export function sin(a: Operand): Expression {
  return unary("sin", a);
}

/** Cosine of `a` radians. */
export function cos(a: Operand): Expression {
  return unary("cos", a);
}

/** An integer as `f32`. */
export function toF32(a: Expression): Expression {
  return a.type === "f32" ? a : unary("toF32", a);
}

/** The smaller of two numbers. */
export function min(a: Operand, b: Operand): Expression {
  const [x, y] = lifted(a, b);
  return { op: "min", a: x, b: y, type: x.type };
}

/** The larger of two numbers. */
export function max(a: Operand, b: Operand): Expression {
  const [x, y] = lifted(a, b);
  return { op: "max", a: x, b: y, type: x.type };
}

/** `a < b`, `a <= b` or `a == b`. */
export function compare(op: CompareOp, a: Operand, b: Operand): Expression {
  const [x, y] = lifted(a, b);
  return { op, a: x, b: y, type: "bool" };
}

/** `when ? a : b`. */
export function select(when: Expression, a: Operand, b: Operand): Expression {
  const [x, y] = lifted(a, b);
  return { op: "select", when, a: x, b: y, type: x.type };
}

function lifted(a: Operand, b: Operand): [Expression, Expression] {
  const type = (typeof a !== "number" ? a.type : typeof b !== "number" ? b.type : "f32") as DType;
  const pair: [Expression, Expression] = [lift(a, type), lift(b, type)];
  if (pair[0].type !== pair[1].type) {
    throw new TypeError(`Cannot combine ${pair[0].type} with ${pair[1].type}: both must have one type`);
  }
  return pair;
}

/** The nodes directly below `e`. */
export function children(e: Expression): readonly Expression[] {
  if ("when" in e) return [e.when, e.a, e.b];
  if ("b" in e) return [e.a, e.b];
  return "a" in e ? [e.a] : [];
}

function formatLeaf(e: Expression & { readonly op: "const" | "input" }): string {
  if (e.op === "input") return `x${e.index}:${e.type}`;
  return `${Object.is(e.value, -0) ? "-0" : e.value}:${e.type}`;
}

/**
 * Lists every distinct node of some roots once, children first: the order in which code generators emit them.
 * Equal subtrees are merged.
 */
export function schedule(
  roots: readonly Expression[],
): { nodes: Expression[]; indexOf: (e: Expression) => number } {
  const nodes: Expression[] = [];
  const byKey = new Map<string, number>();
  const memo = new Map<Expression, number>();
  const visit = (e: Expression): number => {
    const known = memo.get(e);
    if (known !== undefined) return known;
    const below = children(e).map(visit);
    const leaf = e.op === "const" || e.op === "input";
    const key = leaf ? formatLeaf(e) : `${e.op}:${below.join(",")}`;
    let index = byKey.get(key);
    if (index === undefined) {
      index = nodes.push(e) - 1;
      byKey.set(key, index);
    }
    memo.set(e, index);
    return index;
  };
  roots.forEach(visit);
  return { nodes, indexOf: (e) => memo.get(e) ?? visit(e) };
}

/**
 * Writes some roots as text, one word for each distinct node: equal text means equal meaning, so it serves as a
 * cache key. Shared subtrees are written once, so that its length stays that of the graph.
 */
export function formatExpressions(roots: readonly Expression[]): string {
  const { nodes, indexOf } = schedule(roots);
  const words = nodes.map((e) =>
    e.op === "const" || e.op === "input" ? formatLeaf(e) : `${e.op}(${children(e).map(indexOf).join(",")})`
  );
  return `${words.join(" ")} > ${roots.map(indexOf).join(",")}`;
}

/** Numbers of the inputs that some roots read, ascending. */
export function usedInputs(roots: readonly Expression[]): number[] {
  const indices = schedule(roots).nodes.flatMap((e) => e.op === "input" ? [e.index] : []);
  return [...new Set(indices)].sort((a, b) => a - b);
}

/** Counts the floating-point operations of some roots; every node but leaves and conversions is one. */
export function countFlops(roots: readonly Expression[]): number {
  const free = ["const", "input", "toF32", "select", "lt", "le", "eq"];
  return schedule(roots).nodes.filter((e) => !free.includes(e.op)).length;
}
