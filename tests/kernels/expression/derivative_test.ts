import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { derivatives } from "../../../kernels/expression/derivative.ts";
import { evaluator } from "../../../kernels/expression/evaluate.ts";
import {
  add,
  compare,
  constant,
  cos,
  div,
  exp,
  type Expression,
  formatExpressions,
  input,
  log,
  max,
  min,
  mul,
  neg,
  recip,
  select,
  sigmoid,
  sin,
  sqrt,
  sub,
  tanh,
  toF32,
} from "../../../kernels/expression/expression.ts";

const [x, y] = [input(0), input(1)];

const FUNCTIONS: Record<string, Expression> = {
  add: add(x, y),
  sub: sub(x, y),
  mul: mul(x, y),
  square: mul(x, x),
  div: div(x, y),
  neg: neg(x),
  recip: recip(x),
  exp: exp(x),
  log: log(x),
  sqrt: sqrt(x),
  tanh: tanh(x),
  sigmoid: sigmoid(x),
  sin: sin(x),
  cos: cos(x),
  min: min(x, y),
  max: max(x, y),
  select: select(compare("lt", x, y), mul(x, y), sin(y)),
  shared: mul(exp(mul(x, y)), add(exp(mul(x, y)), x)),
  silu: mul(x, sigmoid(x)),
};

for (const [name, root] of Object.entries(FUNCTIONS)) {
  Deno.test(`\`derivatives()\` of ${name} agrees with central differences`, () => {
    const value = evaluator([root]);
    const slopes = evaluator(derivatives(root, constant(2.5), [0, 1]));
    for (const point of [[0.4, 0.9], [1.7, 0.6], [2.2, 3.1]]) {
      const got = [...slopes(point)];
      [0, 1].forEach((i) => {
        const at = (step: number) => value(point.map((p, j) => (j === i ? p + step : p)))[0];
        const want = 2.5 * (at(1e-6) - at(-1e-6)) / 2e-6;
        assertAlmostEquals(got[i], want, 1e-7 * (1 + Math.abs(want)));
      });
    }
  });
}

Deno.test("`derivatives()` is the constant 0 for an input that does not take part", () => {
  assertEquals(derivatives(exp(x), input(2), [1]), [constant(0)]);
});

Deno.test("`derivatives()` gives no gradient to a comparison or an integer", () => {
  const root = select(compare("lt", x, y), toF32(input(2, "i32")), 1);
  assertEquals(derivatives(root, input(3), [0, 1, 2]), [constant(0), constant(0), constant(0)]);
});

Deno.test("`derivatives()` gives the whole gradient of equal arguments to the first", () => {
  for (const root of [min(x, y), max(x, y)]) {
    const slopes = evaluator(derivatives(root, constant(1), [0, 1]))([2, 2]);
    assertEquals([...slopes], [1, 0]);
  }
});

Deno.test("`derivatives()` passes the upstream gradient on unchanged through a sum", () => {
  const upstream = input(2);
  assert(derivatives(add(x, y), upstream, [0])[0] === upstream);
});

Deno.test("`derivatives()` grows with the graph, not with the tree", () => {
  let root: Expression = x;
  for (let i = 0; i < 40; i++) root = mul(root, add(root, 1));
  assert(formatExpressions(derivatives(root, constant(1), [0])).length < 20_000);
});
