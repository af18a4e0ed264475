import { assertEquals, assertThrows } from "@std/assert";
import { memorySource } from "../../../engine/checkpoint/byte_source.ts";
import { readPickle } from "../../../engine/checkpoint/pickle.ts";
import { PickleCursor } from "../../../engine/checkpoint/pickle_cursor.ts";
import { PYTHON_GLOBALS } from "../../../engine/checkpoint/pickle_globals.ts";
import { PickleDict, PickleTuple, type PickleValue } from "../../../engine/checkpoint/pickle_values.ts";
import { plainData } from "../../../engine/checkpoint/pickle_data.ts";
import { writePickle } from "../../../engine/checkpoint/pickle_writer.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { dict, opcodes } from "./torch_files.ts";

function read(bytes: Uint8Array): PickleValue {
  return readPickle(new PickleCursor(memorySource(bytes, "x")), { globals: PYTHON_GLOBALS });
}

Deno.test("`writePickle()` writes what `readPickle()` reads", () => {
  const numbers = [
    0,
    255,
    256,
    -1,
    2 ** 31 - 1,
    -(2 ** 31),
    2 ** 31,
    -(2 ** 31) - 1,
    Number.MAX_SAFE_INTEGER,
  ];
  const floats = [0.1, -0, Infinity, NaN, 2 ** 60 + 2 ** 30, 5e-324];
  const big = [2n ** 64n, -(2n ** 79n) - 5n, 0x1950a86a20f9469cfc6cn];
  const texts = ["", "plain", "héllo 世界 😀", "x".repeat(70_000)];
  const tuples = [0, 1, 2, 3, 4].map((length) => new PickleTuple(Array.from({ length }, (_, i) => i)));
  const ordered = new PickleDict("collections.OrderedDict");
  ordered.set("b", 1).set("a", [null, true, false]);
  const value = [...numbers, ...floats, ...big, ...texts, ...tuples, ordered, dict({ k: dict({}) }), ordered];
  const copy = read(writePickle(value)) as PickleValue[];
  assertEquals(copy.slice(0, -4), value.slice(0, -4));
  assertEquals(copy.length, value.length);
  const again = copy.at(-1) as PickleDict;
  assertEquals([again.className, ...again.keys()], ["collections.OrderedDict", "b", "a"]);
});

Deno.test("`readPickle()` reads namespaces, sets and bytes of every protocol", () => {
  const namespace = read(
    opcodes(0x80, 2, "cargparse\nNamespace\n)", 0x81, "}X", 2, 0, 0, 0, "lrK", 5, "sb."),
  );
  assertEquals(plainData(namespace), { lr: 5 });
  assertEquals((namespace as PickleDict).className, "argparse.Namespace");
  assertEquals(read(opcodes(0x80, 4, 0x8f, "(K", 1, "K", 2, 0x90, ".")), new Set([1, 2]));
  assertEquals(read(opcodes(0x80, 3, "C", 2, "ab.")), new TextEncoder().encode("ab"));
  const latin = opcodes(
    0x80,
    2,
    "c_codecs\nencode\nX",
    2,
    0,
    0,
    0,
    "ÿ",
    "X",
    6,
    0,
    0,
    0,
    "latin1",
    0x86,
    "R.",
  );
  assertEquals(read(latin), Uint8Array.of(255));
  assertEquals(read(opcodes("(lp0\nI01\naI-7\naL99999999999999999999L\na.")), [
    true,
    -7,
    99999999999999999999n,
  ]);
});

Deno.test("`readPickle()` refuses what a pickle machine cannot do, with the place", () => {
  const refuses = (bytes: Uint8Array, message: string) =>
    assertThrows(() => read(bytes), CheckpointError, message);
  refuses(
    opcodes(0x80, 2, "h", 7, "."),
    "pickle opcode 0x68 at byte 2 names memo entry 7, which was never stored",
  );
  refuses(opcodes(0x80, 2, "R."), "pickle opcode 0x52 at byte 2 needs more values than the stack holds");
  refuses(opcodes(0x80, 2, "K", 1, "(0."), "needs more values than the stack holds");
  refuses(opcodes(0x80, 2, "e."), "needs a mark and there is none");
  refuses(opcodes(0x80, 9, "N."), "announces protocol 9, wanted at most 5");
  refuses(opcodes(0xf7), "unknown pickle opcode 0xf7 at byte 0");
  refuses(opcodes("N"), "its pickle is cut at byte 1: 1 more bytes wanted, 0 found");
  refuses(opcodes("}]K", 1, "s."), "has a key that is a list, a set or a dict");
  refuses(opcodes("NN", 0x86, "K", 1, "R."), "calls what is not a global");
  refuses(opcodes("N", 0x8b, 255, 255, 255, 127), "announces an integer of 2147483647 bytes");
  refuses(opcodes("]}b."), "gives a state to what has none");
});

Deno.test("`plainData()` gives up on more values than an args has", () => {
  let list: PickleValue = [1];
  for (let level = 0; level < 8; level++) list = Array.from({ length: 10 }, () => list);
  assertEquals(plainData(list), undefined);
  assertEquals(plainData(dict({ a: [1n << 70n, new Uint8Array(1), null] })), {
    a: ["1180591620717411303424", null],
  });
});
