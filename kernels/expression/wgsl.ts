import type { Axis } from "./layout.ts";
import { type Expression, schedule, type UnaryOp, type ValueType } from "./expression.ts";
import trigonometry from "./trigonometry.wgsl" with { type: "text" };

/** Elements that a value of the WGSL text has: one, or four neighbours. */
export type Width = 1 | 4;

const UNARY: Record<UnaryOp, (a: string, width: Width) => string> = {
  neg: (a) => `-${a}`,
  recip: (a) => `1.0 / ${a}`,
  exp: (a) => `exp(${a})`,
  log: (a) => `log(${a})`,
  sqrt: (a) => `sqrt(${a})`,
  // tanh of a large argument overflows inside some drivers, and is 1 far earlier.
  tanh: (a, width) => `tanh(clamp(${a}, ${splat("-15.0", width)}, ${splat("15.0", width)}))`,
  sigmoid: (a, width) => `1.0 / (1.0 + exp(-max(${a}, ${splat("-80.0", width)})))`,
  sin: (a, width) => ofEach("sine", a, width),
  cos: (a, width) => ofEach("cosine", a, width),
  toF32: (a, width) => `${wgslType("f32", width)}(${a})`,
};

/** WGSL type of a value, or of `width` neighbours. */
export function wgslType(type: ValueType, width: Width): string {
  return width === 1 ? type : `vec4${type[0]}`;
}

function splat(value: string, width: Width): string {
  return width === 1 ? value : `vec4f(${value})`;
}

function ofEach(name: string, a: string, width: Width): string {
  if (width === 1) return `${name}(${a})`;
  return `vec4f(${["x", "y", "z", "w"].map((part) => `${name}(${a}.${part})`).join(", ")})`;
}

const INFIX: Record<string, string> = { add: "+", mul: "*", lt: "<", le: "<=", eq: "==" };

/** WGSL statements that compute some roots, and the name that each root's value has after them. */
export interface WgslBody {
  /** Functions that the statements call, for the module's top level. */
  readonly functions: string;
  readonly statements: string;
  readonly roots: readonly string[];
}

/**
 * Writes some roots as WGSL.
 *
 * @param load the WGSL expression that reads the element of input `index`, or its `width` elements
 */
export function toWgsl(
  roots: readonly Expression[],
  load: (index: number) => string,
  width: Width = 1,
): WgslBody {
  const { nodes, indexOf } = schedule(roots);
  const name = (e: Expression) => `v${indexOf(e)}`;
  const lines = nodes.map((e, i) => `  let v${i} = ${writeNode(e, name, load, width)};`);
  const functions = nodes.some((e) => e.op === "sin" || e.op === "cos") ? trigonometry : "";
  return { functions, statements: lines.join("\n"), roots: roots.map(name) };
}

function writeNode(
  e: Expression,
  name: (e: Expression) => string,
  load: (index: number) => string,
  width: Width,
): string {
  switch (e.op) {
    case "const":
      return wgslConstant(e.value, e.type, width);
    case "input":
      return load(e.index);
    case "select":
      return `select(${name(e.b)}, ${name(e.a)}, ${name(e.when)})`;
    case "min":
    case "max":
      return `${e.op}(${name(e.a)}, ${name(e.b)})`;
    case "add":
    case "mul":
    case "lt":
    case "le":
    case "eq":
      return `${name(e.a)} ${INFIX[e.op]} ${name(e.b)}`;
    default:
      return UNARY[e.op](name(e.a), width);
  }
}

function wgslConstant(value: number, type: ValueType, width: Width): string {
  if (type !== "f32") return `${wgslType(type, width)}(${value})`;
  if (!Number.isFinite(Math.fround(value))) {
    throw new RangeError(`Cannot write ${value} in WGSL: a finite f32 number is wanted`);
  }
  const text = String(Math.fround(value));
  return `${wgslType(type, width)}(${/[.e]/.test(text) ? text : `${text}.0`})`;
}

/** WGSL expressions for every operand's offset at linear position `position` of an iteration space. */
export function wgslOffsets(axes: readonly Axis[], operands: number, position: string): string[] {
  const terms: string[][] = Array.from({ length: operands }, () => []);
  let inner = 1;
  for (let d = axes.length - 1; d >= 0; d--) {
    const { size, strides } = axes[d];
    const quotient = inner === 1 ? position : `(${position} / ${inner}u)`;
    const counter = d === 0 ? quotient : `(${quotient} % ${size}u)`;
    strides.forEach((stride, i) => {
      if (stride > 0) terms[i].unshift(stride === 1 ? counter : `${counter} * ${stride}u`);
    });
    inner *= size;
  }
  return terms.map((own) => own.length > 0 ? own.join(" + ") : "0u");
}
