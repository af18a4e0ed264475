import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { fileBytes } from "./safetensors_bytes.ts";

const F32_PAIR = { dtype: "F32", shape: [2], data_offsets: [0, 8] };

function tensor(change: object): object {
  return { w: { ...F32_PAIR, ...change } };
}

type Case = [what: string, bytes: Uint8Array, wanted: string];

const NESTED = "[".repeat(200_000) + "]".repeat(200_000);

const HOSTILE: Case[] = [
  ["an empty file", new Uint8Array(0), "the file has 0 bytes"],
  ["a header length of 2^60", fileBytes({}, 0, 2n ** 60n), "claims 1152921504606846976 bytes, 2 follow"],
  ["a header length of 2^64 - 1", fileBytes({}, 0, 2n ** 64n - 1n), "claims 18446744073709551615 bytes"],
  ["a header one byte past the end", fileBytes({}, 0, 3n), "claims 3 bytes, 2 follow"],
  ["a header of length 0", fileBytes("", 4), "does not begin with {"],
  ["an array as header", fileBytes("[]"), "does not begin with {"],
  ["a space before the header", fileBytes(" {}"), "does not begin with {"],
  ["a byte order mark", fileBytes("\ufeff{}"), "does not begin with {"],
  ["a cut header", fileBytes('{"w":{"dtype":'), "not valid JSON"],
  ["text after the header", fileBytes("{}x"), "not valid JSON"],
  ["a header that is not UTF-8", fileBytes("", new Uint8Array([0x7b, 0xff, 0x7d]), 3n), "not UTF-8"],
  ["duplicate names", fileBytes('{"w":{},"w":{}}'), 'names "w" twice'],
  [
    "duplicate names, one escaped",
    fileBytes('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0077":{}}'),
    'names "w" twice',
  ],
  ["a duplicate field", fileBytes('{"w":{"dtype":"F32","dtype":"I32"}}'), 'names "dtype" twice'],
  ["a tensor that is a list", fileBytes({ w: [] }), 'tensor "w" is not described by an object'],
  ["a tensor that is null", fileBytes({ w: null }), 'tensor "w" is not described by an object'],
  ["an unknown dtype", fileBytes(tensor({ dtype: "F31" }), 8), 'unknown dtype "F31"'],
  ["a dtype of another case", fileBytes(tensor({ dtype: "f32" }), 8), 'unknown dtype "f32"'],
  ["a dtype named as an object's property", fileBytes(tensor({ dtype: "constructor" }), 8), "unknown dtype"],
  ["no dtype", fileBytes(tensor({ dtype: undefined }), 8), "unknown dtype none"],
  ["a deeply nested dtype", fileBytes(`{"w":{"dtype":${NESTED}}}`), "unknown dtype [[[[["],
  [
    "a prototype in place of fields",
    fileBytes(`{"w":{"__proto__":${JSON.stringify(F32_PAIR)}}}`, 8),
    "dtype none",
  ],
  ["a negative dimension", fileBytes(tensor({ shape: [-2] }), 8), "shape of whole numbers, got [-2]"],
  ["two negative dimensions", fileBytes(tensor({ shape: [-2, -1] }), 8), "shape of whole numbers"],
  ["a fractional dimension", fileBytes(tensor({ shape: [0.5, 4] }), 8), "shape of whole numbers"],
  ["a dimension as text", fileBytes(tensor({ shape: ["2"] }), 8), "shape of whole numbers"],
  [
    "a dimension of 1e400",
    fileBytes('{"w":{"dtype":"U8","shape":[1e400],"data_offsets":[0,8]}}', 8),
    "whole numbers",
  ],
  ["a dimension of 2^60", fileBytes(tensor({ shape: [2 ** 60] }), 8), "whole numbers"],
  ["a shape that is a number", fileBytes(tensor({ shape: 2 }), 8), "shape of whole numbers, got 2"],
  ["a product of 2^64 + 8", fileBytes(tensor({ shape: [2 ** 32, 2 ** 30] }), 8), "impossible shape"],
  [
    "a product that overflows before a 0",
    fileBytes(tensor({ shape: [2 ** 40, 2 ** 40, 0] }), 0),
    "ends at byte 8",
  ],
  [
    "an overflow hidden by a 0",
    fileBytes(tensor({ shape: [2 ** 40, 2 ** 40, 0], data_offsets: [0, 0] })),
    "impossible shape",
  ],
  ["no offsets", fileBytes(tensor({ data_offsets: undefined }), 8), "data_offsets, got none"],
  ["three offsets", fileBytes(tensor({ data_offsets: [0, 4, 8] }), 8), "two whole numbers"],
  ["negative offsets", fileBytes(tensor({ data_offsets: [-8, 0] }), 8), "two whole numbers"],
  [
    "an end before its begin",
    fileBytes(tensor({ data_offsets: [8, 0] }), 8),
    "begins at 8, after its end at 0",
  ],
  ["a size that does not match", fileBytes(tensor({ shape: [3] }), 8), "needs 12 bytes, got 8"],
  ["a size that does not match the dtype", fileBytes(tensor({ dtype: "F64" }), 8), "needs 16 bytes, got 8"],
  ["cut data", fileBytes(tensor({}), 7), "ends at byte 8 of the data, which has 7 bytes"],
  ["bytes after the data", fileBytes(tensor({}), 9), "the last 1 bytes belong to no tensor"],
  [
    "a hole",
    fileBytes({ a: F32_PAIR, b: { ...F32_PAIR, data_offsets: [12, 20] } }, 20),
    "4 bytes before tensor",
  ],
  [
    "overlapping ranges",
    fileBytes({ a: F32_PAIR, b: { ...F32_PAIR, data_offsets: [4, 12] } }, 12),
    "overlap",
  ],
  ["equal ranges", fileBytes({ a: F32_PAIR, b: F32_PAIR }, 8), 'tensors "a" and "b" overlap'],
  ["metadata that is a list", fileBytes({ __metadata__: [] }), "__metadata__ is not an object"],
  ["metadata that is null", fileBytes({ __metadata__: null }), "__metadata__ is not an object"],
  ["metadata with a number", fileBytes({ __metadata__: { step: 7 } }), '"step" must be a string, got number'],
];

for (const [what, bytes, wanted] of HOSTILE) {
  Deno.test(`\`parseSafetensors()\` refuses ${what}`, () => {
    const error = assertThrows(() => parseSafetensors(bytes, "run/a.safetensors"), CheckpointError, wanted);
    assert(error.message.startsWith("Cannot read run/a.safetensors: "));
    assert(!error.message.includes("\n"));
    assert(error.message.length < 400);
  });
}

Deno.test("`parseSafetensors()` keeps hostile names on one short line", () => {
  const name = "x\n\u001b[31m" + "y".repeat(10_000);
  const error = assertThrows(() => parseSafetensors(fileBytes({ [name]: 1 })), CheckpointError);
  assert(!error.message.includes("\n") && !error.message.includes("\u001b"));
  assert(error.message.length < 400);
});

Deno.test("`parseSafetensors()` takes `__proto__` for a name like any other", () => {
  const header = `{"__metadata__":{"__proto__":"m"},"__proto__":${JSON.stringify(F32_PAIR)}}`;
  const file = parseSafetensors(fileBytes(header, 8));
  assertEquals([...file.tensors.keys()], ["__proto__"]);
  assertEquals(Object.entries(file.metadata), [["__proto__", "m"]]);
  assertEquals(Object.getPrototypeOf(file.metadata), Object.prototype);
  assertEquals(({} as Record<string, unknown>).dtype, undefined);
});

Deno.test("`parseSafetensors()` takes ranges in any order, empty tensors, scalars and a file without tensors", () => {
  const header = {
    b: { ...F32_PAIR, data_offsets: [4, 12] },
    empty: { dtype: "I64", shape: [0, 3], data_offsets: [4, 4] },
    a: { dtype: "F32", shape: [], data_offsets: [0, 4] },
  };
  const file = parseSafetensors(fileBytes(header, 12));
  assertEquals([...file.tensors.keys()], ["b", "empty", "a"]);
  assertEquals(file.tensors.get("a")?.shape, []);
  assertEquals(parseSafetensors(fileBytes("{}   ")).tensors.size, 0);
});
