import {
  assert,
  assertAlmostEquals,
  assertEquals,
  AssertionError,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";

class CustomError extends Error {}

Deno.test("`assertEquals()` compares typed arrays, NaN and nested objects", () => {
  assertEquals(new Float32Array([1, NaN]), new Float32Array([1, NaN]));
  assertEquals({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] });
  assertNotEquals(new Float32Array([1]), new Float32Array([2]));
  assertThrows(() => assertEquals<unknown>(new Int32Array([1]), new Float32Array([1])), AssertionError);
});

Deno.test("`assertAlmostEquals()` fails outside the tolerance and for NaN", () => {
  assertAlmostEquals(1, 1 + 1e-8);
  assertThrows(() => assertAlmostEquals(1, 1.001), AssertionError, "within");
  assertThrows(() => assertAlmostEquals(NaN, 1, 1e3), AssertionError);
});

Deno.test("`assertThrows()` checks class and message, and returns the error", () => {
  const error = assertThrows(
    () => {
      throw new CustomError("depth 4");
    },
    CustomError,
    "depth",
  );
  assertStrictEquals(error.message, "depth 4");
  assertThrows(() => assertThrows(() => 1), AssertionError, "it returned 1");
  assertThrows(
    () => {
      assertThrows(() => {
        throw new Error("other");
      }, CustomError);
    },
    AssertionError,
    "CustomError",
  );
});

Deno.test("`assertRejects()` checks a promise, and refuses a synchronous throw", async () => {
  await assertRejects(() => Promise.reject(new CustomError("late")), CustomError, "late");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "resolved to 1");
  const sync = (): Promise<unknown> => {
    throw new CustomError("early");
  };
  await assertRejects(() => assertRejects(sync), AssertionError, "function threw");
});

Deno.test("`assert()` fails on falsy values", () => {
  assert(1);
  assertThrows(() => assert(0, "zero"), AssertionError, "zero");
});
