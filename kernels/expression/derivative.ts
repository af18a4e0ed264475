import {
  add,
  children,
  compare,
  constant,
  cos,
  type Expression,
  mul,
  neg,
  recip,
  schedule,
  select,
  sin,
  sub,
} from "./expression.ts";

/**
 * The derivatives of `root` with respect to each listed input, times `upstream`: reverse mode on the expression.
 *
 * @param upstream expression of the gradient that arrives at `root`
 * @returns one expression an input; the constant 0 where `root` does not depend on it
 */
export function derivatives(
  root: Expression,
  upstream: Expression,
  inputs: readonly number[],
): Expression[] {
  const { nodes, indexOf } = schedule([root]);
  const adjoints: Expression[] = nodes.map(() => constant(0));
  adjoints[indexOf(root)] = upstream;
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    if (adjoints[i].op === "const" && adjoints[i].type === "f32" && isZero(adjoints[i])) continue;
    const parts = partials(node, adjoints[i]);
    children(node).forEach((child, c) => {
      const part = parts[c];
      if (part) adjoints[indexOf(child)] = add(adjoints[indexOf(child)], part);
    });
  }
  return inputs.map((index) => {
    const at = nodes.findIndex((node) => node.op === "input" && node.index === index);
    return at < 0 ? constant(0) : adjoints[at];
  });
}

function isZero(e: Expression): boolean {
  return e.op === "const" && e.value === 0;
}

/** The adjoint that each child of `e` receives; undefined where none flows. */
function partials(e: Expression, g: Expression): readonly (Expression | undefined)[] {
  switch (e.op) {
    case "const":
    case "input":
    case "toF32":
    case "lt":
    case "le":
    case "eq":
      return [];
    case "neg":
      return [neg(g)];
    case "recip":
      return [neg(mul(g, mul(e, e)))];
    case "exp":
      return [mul(g, e)];
    case "log":
      return [mul(g, recip(e.a))];
    case "sqrt":
      return [mul(g, mul(0.5, recip(e)))];
    case "tanh":
      return [mul(g, sub(1, mul(e, e)))];
    case "sigmoid":
      return [mul(g, mul(e, sub(1, e)))];
    case "sin":
      return [mul(g, cos(e.a))];
    case "cos":
      return [neg(mul(g, sin(e.a)))];
    case "add":
      return [g, g];
    case "mul":
      return [mul(g, e.b), mul(g, e.a)];
    case "min":
      return choose(compare("le", e.a, e.b), g);
    case "max":
      return choose(compare("le", e.b, e.a), g);
    case "select":
      return [undefined, ...choose(e.when, g)];
  }
}

function choose(when: Expression, g: Expression): [Expression, Expression] {
  return [select(when, g, 0), select(when, 0, g)];
}
