import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  compare,
  constant,
  countFlops,
  exp,
  type Expression,
  formatExpressions,
  input,
  mul,
  neg,
  schedule,
  select,
  sub,
  toF32,
  usedInputs,
} from "../../../kernels/expression/expression.ts";

Deno.test("`add()` and `mul()` fold constants, zeros and ones", () => {
  const x = input(0);
  assertEquals(add(2, constant(3)), constant(5));
  assertEquals(mul(2, constant(3)), constant(6));
  assert(add(x, 0) === x);
  assert(add(0, x) === x);
  assert(mul(x, 1) === x);
  assert(mul(1, x) === x);
  assertEquals(mul(x, 0), constant(0));
});

Deno.test("`neg()` keeps the type of an integer", () => {
  assertEquals(neg(input(0, "i32")).type, "i32");
  assertEquals(neg(constant(4, "i32")), constant(-4, "i32"));
});

Deno.test("`add()` throws when the types differ", () => {
  assertThrows(() => add(input(0), input(1, "i32")), TypeError, "Cannot combine f32 with i32");
});

Deno.test("`toF32()` leaves an f32 expression alone", () => {
  const x = input(0);
  assert(toF32(x) === x);
  assertEquals(toF32(input(0, "i32")).type, "f32");
});

Deno.test("`schedule()` lists children first and merges equal subtrees", () => {
  const a = exp(add(input(0), input(1)));
  const b = exp(add(input(0), input(1)));
  const { nodes, indexOf } = schedule([mul(a, b)]);
  assertEquals(nodes.map((e) => e.op), ["input", "input", "add", "exp", "mul"]);
  assertEquals(indexOf(a), indexOf(b));
});

Deno.test("`schedule()` keeps inputs of different dtypes apart", () => {
  const root = select(compare("lt", input(0, "i32"), constant(0, "i32")), input(0), constant(0));
  assertEquals(schedule([root]).nodes.filter((e) => e.op === "input").length, 2);
});

Deno.test("`formatExpressions()` differs where the meaning differs", () => {
  const roots: Expression[][] = [
    [input(0)],
    [input(1)],
    [input(0, "i32")],
    [constant(0)],
    [constant(-0)],
    [constant(0, "i32")],
    [sub(input(0), input(1))],
    [sub(input(1), input(0))],
    [input(0), input(1)],
    [input(1), input(0)],
  ];
  assertEquals(new Set(roots.map(formatExpressions)).size, roots.length);
});

Deno.test("`formatExpressions()` stays short when subtrees are shared", () => {
  let e: Expression = input(0);
  for (let i = 0; i < 64; i++) e = add(e, mul(e, e));
  assert(formatExpressions([e]).length < 64 * 2 * 20);
});

Deno.test("`usedInputs()` lists each input once, ascending", () => {
  assertEquals(usedInputs([add(input(3), input(1)), input(3)]), [1, 3]);
  assertEquals(usedInputs([mul(input(0), 0)]), []);
});

Deno.test("`countFlops()` counts a shared node once and no comparison", () => {
  const e = exp(input(0));
  assertEquals(countFlops([add(e, e)]), 2);
  assertEquals(countFlops([select(compare("lt", e, 0), e, neg(e))]), 2);
});
