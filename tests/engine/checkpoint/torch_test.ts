import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PickleValue } from "../../../engine/checkpoint/pickle_values.ts";
import { openTorch, parseTorch, type TorchFile } from "../../../engine/checkpoint/torch.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import {
  dict,
  fields,
  opcodes,
  pickleOf,
  torchLegacy,
  torchZip,
  view,
  zipOf,
  type ZipPart,
} from "./torch_files.ts";

const FOUR = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const MATRIX = { count: 4, shape: [2, 2], stride: [2, 1] };

async function refusal(bytes: Uint8Array): Promise<string> {
  const { message } = await assertRejects(async () => {
    using file = await parseTorch(bytes, "x.pt");
    for (const name of file.tensors.keys()) await file.readBytes(name);
  }, CheckpointError);
  assert(!message.includes("\n"), message);
  return message.replace("Cannot read x.pt: ", "");
}

function zipWith(tree: PickleValue, storage: Uint8Array = FOUR, more: readonly ZipPart[] = []) {
  return torchZip(pickleOf(tree), { 0: storage }, more);
}

Deno.test("`parseTorch()` reads nested dicts, lists and views of one storage", async () => {
  using file = await parseTorch(zipWith(dict({
    model: dict({
      "a.weight": view(MATRIX),
      transposed: view({ count: 4, shape: [2, 2], stride: [1, 2] }),
      column: view({ count: 4, offset: 1, shape: [2], stride: [2] }),
      expanded: view({ count: 4, offset: 3, shape: [2, 3], stride: [0, 0] }),
      scalar: view({ count: 4, offset: 2, shape: [], stride: [] }),
      empty: view({ count: 4, shape: [0, 3], stride: [3, 1] }),
    }),
    list: [view(MATRIX), 1],
    epoch: 7,
  })));
  const read = async (name: string) => [...await file.read(name) as Float32Array];
  assertEquals(await read("model.a.weight"), [1, 2, 3, 4]);
  assertEquals(await read("model.transposed"), [1, 3, 2, 4]);
  assertEquals(await read("model.column"), [2, 4]);
  assertEquals(await read("model.expanded"), [4, 4, 4, 4, 4, 4]);
  assertEquals(await read("model.scalar"), [3]);
  assertEquals(await read("model.empty"), []);
  assertEquals(await read("list.0"), [1, 2, 3, 4]);
  assertEquals(file.tensors.get("model.empty")?.shape, [0, 3]);
});

Deno.test("`parseTorch()` reads the legacy layout, and big-endian and deflated entries", async () => {
  const tree = dict({ w: view(MATRIX) });
  const legacy = torchLegacy(pickleOf(tree, true), { 0: { count: 4, bytes: FOUR } });
  const swapped = new Uint8Array(FOUR.length);
  for (let i = 0; i < FOUR.length; i++) swapped[i] = FOUR[4 * Math.floor(i / 4) + 3 - i % 4];
  const big = zipWith(tree, swapped, [{ name: "archive/byteorder", bytes: opcodes("big") }]);
  const deflated = zipOf([
    { name: "any name/data.pkl", bytes: pickleOf(tree), deflate: true },
    { name: "any name/data/0", bytes: FOUR, deflate: true },
  ]);
  for (const bytes of [legacy, big, deflated]) {
    using file = await parseTorch(bytes);
    assertEquals(await file.read("w"), Float32Array.of(1, 2, 3, 4));
  }
});

Deno.test("`TorchFile.read()` gives the engine's types, and `readBytes()` those of the file", async () => {
  const cases: [string, ArrayBufferView<ArrayBuffer>, unknown][] = [
    ["torch.HalfStorage", Float16Array.of(1, -2), Float32Array.of(1, -2)],
    ["torch.BFloat16Storage", Uint16Array.of(0x3f80, 0xc000), Float32Array.of(1, -2)],
    ["torch.DoubleStorage", Float64Array.of(1, -2), Float32Array.of(1, -2)],
    ["torch.LongStorage", BigInt64Array.of(1n, -2n), Int32Array.of(1, -2)],
    ["torch.IntStorage", Int32Array.of(1, -2), Int32Array.of(1, -2)],
    ["torch.ShortStorage", Int16Array.of(1, -2), Int32Array.of(1, -2)],
    ["torch.CharStorage", Int8Array.of(1, -2), Int32Array.of(1, -2)],
    ["torch.ByteStorage", Uint8Array.of(1, 254), Uint8Array.of(1, 254)],
    ["torch.BoolStorage", Uint8Array.of(1, 0), Uint8Array.of(1, 0)],
  ];
  for (const [storage, data, want] of cases) {
    const bytes = new Uint8Array(data.buffer);
    using file = await parseTorch(
      zipWith(dict({ w: view({ storage, count: 2, shape: [2], stride: [1] }) }), bytes),
    );
    assertEquals(await file.read("w"), want as Float32Array<ArrayBuffer>);
    assertEquals(await file.readBytes("w"), bytes);
  }
});

Deno.test("`parseTorch()` refuses every global that is not listed as a whole, by name", async () => {
  const call = (module: string, name: string) =>
    torchZip(opcodes(0x80, 2, `c${module}\n${name}\n`, ")R."), {});
  assertEquals(
    await refusal(call("os", "system")),
    "it names os.system, which is not on the list of classes that may be read; nothing was executed",
  );
  for (
    const [module, name] of [["torch", "load"], ["torch._utils", "_rebuild_tensor_v2.x"], [
      "builtins",
      "eval",
    ]]
  ) {
    assert((await refusal(call(module, name))).startsWith(`it names ${module}.${name},`));
  }
  const keyed = torchZip(opcodes(0x80, 2, "}X", fields([4, 4]), "conf", "cmy\nConfig\n)R", "s."), {});
  assert((await refusal(keyed)).startsWith('it names my.Config (after "conf"),'));
  const odd = torchZip(opcodes(0x80, 4, 0x8c, 3, "a\nb", 0x8c, 1, "c", 0x93, "."), {});
  assert((await refusal(odd)).startsWith('it names "a\\nb.c",'));
});

Deno.test("`parseTorch()` refuses lengths and nesting that the file does not justify", async () => {
  const pickle = (...parts: (string | number | Uint8Array)[]) => torchZip(opcodes(0x80, 4, ...parts), {});
  assert(
    (await refusal(pickle("X", fields([4, 2 ** 32 - 16]), "a."))).includes("4294967280 more bytes wanted"),
  );
  assert((await refusal(pickle(0x95, fields([8, 2 ** 61]), "}."))).includes("more bytes wanted"));
  assert(
    (await refusal(pickle("]".repeat(200), "a".repeat(199), "."))).includes("nested more than 100 deep"),
  );
  assert((await refusal(pickle("]q", 0, "h", 0, "a."))).includes("contains itself"));
  const huge = dict({ w: view({ count: 4, shape: [2 ** 20, 2 ** 20], stride: [0, 0] }) });
  assert((await refusal(zipWith(huge))).includes("more elements than a file of"));
  const bomb = zipOf([{ name: "a/data.pkl", bytes: FOUR, deflate: true, announced: 2 ** 31 }]);
  assert((await refusal(bomb)).includes("announces 2147483648 bytes"));
});

Deno.test("`parseTorch()` bounds the work of a pickle that copies one long list again and again", async () => {
  const list = opcodes("](", "N".repeat(100_000), "eq", 0, "0");
  const calls = Array.from({ length: 1000 }, () => opcodes("c__builtin__\nset\nh", 0, 0x85, "R0"));
  const text = await refusal(torchZip(opcodes(0x80, 2, list, ...calls, "N."), {}));
  assert(text.includes("takes more than 4000000 steps"), text);
});

Deno.test("`parseTorch()` refuses tensors that do not fit their storage, naming both", async () => {
  const wrong = async (changes: Partial<typeof MATRIX> & { offset?: number }, storage = FOUR) =>
    await refusal(zipWith(dict({ w: view({ ...MATRIX, ...changes }) }), storage));
  assert(
    (await wrong({ offset: 1 })).startsWith('tensor "w" has offset 1, shape [2, 2] and stride [2, 1], which'),
  );
  assert((await wrong({ stride: [-2, 1] })).includes("wanted whole numbers"));
  assert((await wrong({ stride: [1] })).includes("a stride for each dimension"));
  assert(
    (await wrong({}, FOUR.slice(4))).includes('entry "archive/data/0", which holds tensor "w", has 12 bytes'),
  );
  assert((await refusal(torchZip(pickleOf(dict({ w: view(MATRIX) })), {}))).includes("is missing"));
  const quantised = dict({ w: view({ ...MATRIX, storage: "torch.QInt8Storage" }) });
  assert(
    (await refusal(zipWith(quantised))).startsWith('tensor "w" has the storage type torch.QInt8Storage'),
  );
});

Deno.test("`parseTorch()` refuses damaged archives and legacy files", async () => {
  const good = zipWith(dict({ w: view(MATRIX) }));
  assert((await refusal(good.slice(0, -3))).includes("the file is cut"));
  const flipped = good.slice();
  const at = flipped.findIndex((_, i) => FOUR.every((byte, k) => flipped[i + k] === byte));
  flipped[at] ^= 1;
  assert((await refusal(flipped)).includes("its CRC-32 is"));
  const part = { name: "archive/data/0", bytes: FOUR };
  assert((await refusal(zipWith(dict({ w: view(MATRIX) }), FOUR, [part]))).includes("occurs twice"));
  const pickle = pickleOf(dict({ w: view(MATRIX) }), true);
  const legacy = (count: number, bytes: Uint8Array, magic?: bigint) =>
    refusal(torchLegacy(pickle, { 0: { count, bytes } }, magic));
  assert((await legacy(3, FOUR)).includes('storage "0" has 3 elements, wanted 4'));
  assert((await legacy(4, FOUR.slice(1))).includes("the file is cut"));
  assert((await legacy(4, FOUR, 5n)).includes("its magic number is wrong"));
});

Deno.test("`parseTorch()` says what a file is that is not PyTorch's", async () => {
  assertEquals(await refusal(new Uint8Array(0)), "the file is empty");
  assert((await refusal(opcodes("<!DOCTYPE html>"))).includes("it is text that begins with"));
  assert(
    (await refusal(opcodes("version https://git-lfs.github.com/spec/v1\n"))).includes("Git LFS pointer"),
  );
  assert(
    (await refusal(zipOf([{ name: "a.txt", bytes: FOUR }]))).includes("a zip archive but not a PyTorch file"),
  );
});

Deno.test("`parseTorch()` takes __proto__ for a key like any other", async () => {
  const inner = dict({});
  inner.set("polluted", true);
  const tree = dict({ w: view(MATRIX) });
  tree.set("__proto__", inner);
  using _file = await parseTorch(zipWith(tree));
  assertEquals(({} as { polluted?: boolean }).polluted, undefined);
});

Deno.test("`openTorch()` names a file that is missing, and `read()` refuses after `close()`", async () => {
  await assertRejects(() => openTorch("no/such.pt"), CheckpointError, "Cannot open no/such.pt");
  const file: TorchFile = await parseTorch(zipWith(dict({ w: view(MATRIX) })));
  await assertRejects(() => file.read("v"), CheckpointError, "the file has no such tensor");
  file.close();
  await assertRejects(() => file.read("w"), CheckpointError, "the file is closed");
});
