import { assertAlmostEquals, assertEquals } from "@std/assert";
import { evaluator } from "../../../kernels/expression/evaluate.ts";
import {
  compare,
  cos,
  div,
  exp,
  input,
  log,
  max,
  min,
  neg,
  recip,
  select,
  sigmoid,
  sin,
  sqrt,
  sub,
  tanh,
} from "../../../kernels/expression/expression.ts";

const [x, y] = [input(0), input(1)];

Deno.test("`evaluator()` computes every function in f64", () => {
  const functions = [neg, recip, exp, log, sqrt, tanh, sigmoid, sin, cos];
  const evaluate = evaluator(functions.map((f) => f(x)));
  const a = 0.7;
  const want = [
    -a,
    1 / a,
    Math.exp(a),
    Math.log(a),
    Math.sqrt(a),
    Math.tanh(a),
    1 / (1 + Math.exp(-a)),
    Math.sin(a),
    Math.cos(a),
  ];
  evaluate([a]).forEach((value, i) => assertAlmostEquals(value, want[i], 1e-15));
});

Deno.test("`evaluator()` computes functions of two numbers", () => {
  const evaluate = evaluator([sub(x, y), div(x, y), min(x, y), max(x, y)]);
  assertEquals([...evaluate([3, -2])], [5, -1.5, -2, 3]);
});

Deno.test("`evaluator()` chooses by each comparison", () => {
  const ops = ["lt", "le", "eq"] as const;
  const evaluate = evaluator(ops.map((op) => select(compare(op, x, y), 1, 0)));
  assertEquals([...evaluate([1, 2])], [1, 1, 0]);
  assertEquals([...evaluate([2, 2])], [0, 1, 1]);
  assertEquals([...evaluate([3, 2])], [0, 0, 0]);
});
