/**
 * Stand-in for `jsr:@std/assert` where the JSR registry cannot be reached: the same names and signatures over
 * `node:assert/strict` and `node:util`. Equality is stricter in one point: 0 and -0 differ.
 *
 * @module
 */
import { AssertionError as NodeAssertionError } from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";

/** What a failed assertion throws. */
export class AssertionError extends NodeAssertionError {
  constructor(message: string) {
    super({ message });
  }
}

// deno-lint-ignore no-explicit-any
type ErrorConstructor<E extends Error> = abstract new (...args: any[]) => E;

// Bounded, so that two large typed arrays which differ do not print megabytes.
function show(value: unknown): string {
  return inspect(value, { depth: 6, maxArrayLength: 40, maxStringLength: 2000 });
}

function expect(condition: boolean, problem: () => string, message?: string): asserts condition {
  if (!condition) throw new AssertionError(message === undefined ? problem() : `${problem()}: ${message}`);
}

/** Fails unconditionally. */
export function fail(message?: string): never {
  throw new AssertionError(message === undefined ? "Failed assertion" : `Failed assertion: ${message}`);
}

/** Fails unless `value` is truthy. */
export function assert(value: unknown, message = ""): asserts value {
  if (!value) throw new AssertionError(message);
}

/** Fails unless both values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  expect(
    isDeepStrictEqual(actual, expected),
    () => `Values are not equal\n  actual:   ${show(actual)}\n  expected: ${show(expected)}`,
    message,
  );
}

/** Fails when both values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  expect(
    !isDeepStrictEqual(actual, expected),
    () => `Expected a value other than ${show(actual)}`,
    message,
  );
}

/** Fails unless both values are identical by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T {
  expect(
    Object.is(actual, expected),
    () => `Values are not strictly equal\n  actual:   ${show(actual)}\n  expected: ${show(expected)}`,
    message,
  );
}

/** Fails unless `|actual - expected| <= tolerance`; the default is 1e-7 of `expected`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const difference = Math.abs(expected - actual);
  expect(
    difference <= allowed,
    () => `Expected ${actual} to be within ${allowed} of ${expected}, the difference is ${difference}`,
    message,
  );
}

/** Fails when `actual` is null or undefined. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  expect(
    actual !== undefined && actual !== null,
    () => `Expected a value, got ${show(actual)}`,
    message,
  );
}

/** Fails unless `actual` matches the pattern. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  expect(
    expected.test(actual),
    () => `Expected ${show(actual)} to match ${expected}`,
    message,
  );
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  expect(
    actual.includes(expected),
    () => `Expected ${show(actual)} to contain ${show(expected)}`,
    message,
  );
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  expect(actual > expected, () => `Expected ${show(actual)} > ${show(expected)}`, message);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  expect(actual >= expected, () => `Expected ${show(actual)} >= ${show(expected)}`, message);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  expect(actual < expected, () => `Expected ${show(actual)} < ${show(expected)}`, message);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  expect(actual <= expected, () => `Expected ${show(actual)} <= ${show(expected)}`, message);
}

/** Fails unless `fn` throws. */
export function assertThrows(fn: () => unknown, message?: string): unknown;
/** Fails unless `fn` throws an `errorClass` whose message contains `includes`; returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorConstructor<E>,
  includes?: string,
  message?: string,
): E;
export function assertThrows(fn: () => unknown, ...rest: ErrorExpectation): unknown {
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    return checkError(error, rest);
  }
  return fail(`expected the function to throw, it returned ${show(result)}${reason(rest)}`);
}

/** Fails unless the promise of `fn` rejects. */
export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
/** Fails unless it rejects with an `errorClass` whose message contains `includes`; resolves to the error. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorConstructor<E>,
  includes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...rest: ErrorExpectation
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    return fail(`expected a rejected promise, the function threw ${show(error)}${reason(rest)}`);
  }
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    return checkError(error, rest);
  }
  return fail(`expected the promise to reject, it resolved to ${show(result)}${reason(rest)}`);
}

type ErrorExpectation =
  | [message?: string]
  | [errorClass: ErrorConstructor<Error>, includes?: string, message?: string];

function reason(rest: ErrorExpectation): string {
  const message = typeof rest[0] === "function" ? rest[2] : rest[0];
  return message === undefined ? "" : `: ${message}`;
}

function checkError(error: unknown, rest: ErrorExpectation): unknown {
  const [errorClass, includes] = rest;
  if (typeof errorClass !== "function") return error;
  expect(
    error instanceof errorClass,
    () => `Expected an error of class ${errorClass.name}, got ${show(error)}${reason(rest)}`,
  );
  expect(
    includes === undefined || error.message.includes(includes),
    () => `Expected an error with ${show(includes)}, got ${show(error.message)}${reason(rest)}`,
  );
  return error;
}
