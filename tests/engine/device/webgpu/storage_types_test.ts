import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { DTypeError } from "../../../../engine/core/errors.ts";
import { f16, f32, i32, type Spec } from "../../../../engine/core/spec.ts";
import { withStorageTypes } from "../../../../engine/device/webgpu/storage_types.ts";
import type { Launch } from "../../../../engine/kernel.ts";

const BINDINGS = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> row: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
`;

function launch(body: string): Launch {
  return { source: BINDINGS + body, bindings: [0, 1, 2], groups: [1, 1, 1] };
}

/** The body of a source, rewritten for buffers of some dtypes. */
function rewritten(body: string, specs: readonly Spec[] = [f16(8), i32(8), f16(8)]): string {
  const { source } = withStorageTypes(launch(body), specs);
  return source.slice(source.indexOf("y: array<")).split("\n").slice(1).join("\n");
}

Deno.test("`withStorageTypes()` returns a launch without `f16` buffers as it is", () => {
  const given = launch("y[0] = vec4f(x[0]);");
  assertStrictEquals(withStorageTypes(given, [f32(8), i32(8), f32(8)]), given);
});

Deno.test("`withStorageTypes()` declares half the size and enables it in the first line", () => {
  const { source } = withStorageTypes(launch(""), [f16(8), i32(8), f16(8)]);
  assertEquals(source.split("\n").slice(0, 4), [
    "enable f16;",
    "@group(0) @binding(0) var<storage, read> x: array<f16>;",
    "@group(0) @binding(1) var<storage, read> row: array<i32>;",
    "@group(0) @binding(2) var<storage, read_write> y: array<vec4<f16>>;",
  ]);
});

Deno.test("`withStorageTypes()` changes the arrays of `f16` buffers alone", () => {
  assertEquals(rewritten("y[0] = vec4f(x[0]);", [f32(8), i32(8), f16(8)]), "y[0] = vec4<f16>(vec4f(x[0]));");
  assertEquals(rewritten("y[0] = vec4f(x[0]);", [f16(8), i32(8), f32(8)]), "y[0] = vec4f(f32(x[0]));");
});

Deno.test("`withStorageTypes()` goes by the slot of a binding, not by its number", () => {
  const swapped = { ...launch("y[0] = vec4f(x[0]);"), bindings: [2, 1, 0] };
  const { source } = withStorageTypes(swapped, [f32(8), i32(8), f16(8)]);
  assertEquals(source.split("\n").at(-1), "y[0] = vec4f(f32(x[0]));");
});

Deno.test("`withStorageTypes()` finds its way through indices, operators and comments", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["let a = x[u32(row[i * 2u]) + 1u] * x[0];", "let a = f32(x[u32(row[i * 2u]) + 1u]) * f32(x[0]);"],
    ["let a = x[u32(x[i])];", "let a = f32(x[u32(f32(x[i]))]);"],
    ["y[i] += 2.0 * y[j];", "y[i] = vec4<f16>(vec4f(y[i]) + (2.0 * vec4f(y[j])));"],
    ["if (x[0] == x[1]) { y[0] = z; }", "if (f32(x[0]) == f32(x[1])) { y[0] = vec4<f16>(z); }"],
    ["if (x[0] <= 1.0) { return; }", "if (f32(x[0]) <= 1.0) { return; }"],
    ["// y[0] = x[0] [\nmax[0] = own.x[1];", "// y[0] = x[0] [\nmax[0] = own.x[1];"],
    ["y[\n  0] =\n  x[1];", "y[\n  0] = vec4<f16>(f32(x[1]));"],
  ];
  for (const [given, wanted] of cases) assertEquals(rewritten(given), wanted);
});

Deno.test("`withStorageTypes()` sees through aliases", () => {
  const declared =
    "alias Element = vec4f;\n@group(0) @binding(0) var<storage, read_write> x: array<Element>;\n";
  const given: Launch = { source: `${declared}x[0] = x[1];`, bindings: [0], groups: [1, 1, 1] };
  assertEquals(
    withStorageTypes(given, [f16(8)]).source,
    `enable f16;\n${declared.replace("array<Element>", "array<vec4<f16>>")}x[0] = vec4<f16>(Element(x[1]));`,
  );
});

Deno.test("`withStorageTypes()` refuses arrays that it does not know", () => {
  const source = "@group(0) @binding(0) var<storage, read> x: array<i32>;";
  const given: Launch = { source, bindings: [0], groups: [1, 1, 1] };
  const message = 'Cannot keep f16 in "x: array<i32>": an array of floats or words is wanted';
  assertThrows(() => withStorageTypes(given, [f16(8)]), DTypeError, message);
  assertStrictEquals(withStorageTypes(given, [i32(8)]), given);
});

Deno.test("`withStorageTypes()` leaves words alone that are copied as they are", () => {
  const source = "@group(0) @binding(0) var<storage, read> x: array<u32>;\nlet a = x[0];";
  const given: Launch = { source, bindings: [0], groups: [1, 1, 1] };
  assertStrictEquals(withStorageTypes(given, [f16(8)]), given);
});
