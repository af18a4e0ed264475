import {
  type BinaryOp,
  children,
  type CompareOp,
  type Expression,
  schedule,
  type UnaryOp,
} from "./expression.ts";

const UNARY: Record<UnaryOp, (a: number) => number> = {
  neg: (a) => -a,
  recip: (a) => 1 / a,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  sin: Math.sin,
  cos: Math.cos,
  toF32: (a) => a,
};

const BINARY: Record<BinaryOp | CompareOp, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  min: Math.min,
  max: Math.max,
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  eq: (a, b) => Number(a === b),
};

type Step = (values: Float64Array, inputs: ArrayLike<number>) => number;

/**
 * Makes a function that computes some roots in f64 from the inputs' elements at one position. The array that it
 * returns is the same each time.
 */
export function evaluator(roots: readonly Expression[]): (inputs: ArrayLike<number>) => Float64Array {
  const { nodes, indexOf } = schedule(roots);
  const steps = nodes.map((e) => stepOf(e, children(e).map(indexOf)));
  const values = new Float64Array(nodes.length);
  const wanted = roots.map(indexOf);
  const results = new Float64Array(roots.length);
  return (inputs) => {
    for (let i = 0; i < steps.length; i++) values[i] = steps[i](values, inputs);
    for (let r = 0; r < wanted.length; r++) results[r] = values[wanted[r]];
    return results;
  };
}

function stepOf(e: Expression, [a, b, c]: readonly number[]): Step {
  if (e.op === "const") return () => e.value;
  if (e.op === "input") return (_, inputs) => inputs[e.index];
  if (e.op === "select") return (values) => (values[a] ? values[b] : values[c]);
  if ("b" in e) {
    const binary = BINARY[e.op];
    return (values) => binary(values[a], values[b]);
  }
  const unary = UNARY[e.op];
  return (values) => unary(values[a]);
}
