import type { Axis } from "./layout.ts";
import { type Expression, schedule, type UnaryOp } from "./expression.ts";
import trigonometry from "./trigonometry.wgsl" with { type: "text" };

const UNARY: Record<UnaryOp, (a: string) => string> = {
  neg: (a) => `-${a}`,
  recip: (a) => `1.0 / ${a}`,
  exp: (a) => `exp(${a})`,
  log: (a) => `log(${a})`,
  sqrt: (a) => `sqrt(${a})`,
  // tanh of a large argument overflows inside some drivers, and is 1 far earlier.
  tanh: (a) => `tanh(clamp(${a}, -15.0, 15.0))`,
  sigmoid: (a) => `1.0 / (1.0 + exp(-max(${a}, -80.0)))`,
  sin: (a) => `sine(${a})`,
  cos: (a) => `cosine(${a})`,
  toF32: (a) => `f32(${a})`,
};

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
 * @param load the WGSL expression that reads the element of input `index`
 */
export function toWgsl(roots: readonly Expression[], load: (index: number) => string): WgslBody {
  const { nodes, indexOf } = schedule(roots);
  const name = (e: Expression) => `v${indexOf(e)}`;
  const lines = nodes.map((e, i) => `  let v${i} = ${writeNode(e, name, load)};`);
  const functions = nodes.some((e) => e.op === "sin" || e.op === "cos") ? trigonometry : "";
  return { functions, statements: lines.join("\n"), roots: roots.map(name) };
}

function writeNode(
  e: Expression,
  name: (e: Expression) => string,
  load: (index: number) => string,
): string {
  switch (e.op) {
    case "const":
      return wgslConstant(e.value, e.type);
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
      return UNARY[e.op](name(e.a));
  }
}

function wgslConstant(value: number, type: Expression["type"]): string {
  if (type !== "f32") return `${type}(${value})`;
  if (!Number.isFinite(Math.fround(value))) {
    throw new RangeError(`Cannot write ${value} in WGSL: a finite f32 number is wanted`);
  }
  const text = String(Math.fround(value));
  return `f32(${/[.e]/.test(text) ? text : `${text}.0`})`;
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
