/** Holds the reader against the PyTorch files that come with the reference's golden tensors. */
import { assert, assertEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import {
  PickleDict,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
} from "../../../engine/checkpoint/pickle_values.ts";
import { openTorch, type TorchFile } from "../../../engine/checkpoint/torch.ts";
import { TorchDevice } from "../../../engine/checkpoint/torch_values.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { PARITY_FOLDER, parityAvailable } from "../../devices.ts";

interface Listed {
  readonly key: readonly (string | number)[];
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly first: readonly (number | string)[];
  readonly sum: number | string;
  readonly l2: number | string;
  readonly crc32: string;
  readonly parameter?: boolean;
  readonly requires_grad?: boolean;
}

interface Expected {
  readonly file: string;
  readonly expected: "load" | "refuse" | "load_or_refuse";
  readonly tensors?: readonly Listed[];
  readonly values?: readonly { key: (string | number)[]; type: string; value: unknown }[];
  readonly containers?: readonly { key: (string | number)[]; type: string; length: number }[];
  readonly if_loaded?: { readonly tensors: readonly string[] };
}

const FOLDER = new URL("torch/", PARITY_FOLDER);
const all = parityAvailable ? [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort() : [];
const cases = all.filter((name) => name.endsWith(".json"))
  .map((name): Expected => JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER))));
const pathOf = (name: string) => decodeURIComponent(new URL(name, FOLDER).pathname);

Deno.test({
  name: "`openTorch()` gives every listed tensor and value of the good files exactly",
  ignore: !parityAvailable,
  fn: async () => {
    const good = cases.filter(({ tensors }) => tensors !== undefined);
    assert(good.length >= 16);
    for (const { file: name, tensors = [], values = [], containers = [] } of good) {
      using file = await openTorch(pathOf(name));
      assertEquals([...file.tensors.keys()], tensors.map(({ key }) => key.join(".")), name);
      for (const listed of tensors) await compare(file, listed);
      for (const { key, type, value } of values) {
        assertEquals(plainOf(at(file.value, key), type), value, name);
      }
      for (const { key, type, length } of containers) assertContainer(at(file.value, key), type, length);
    }
  },
});

Deno.test({
  name: "`openTorch()` refuses every broken and hostile file in one line, and writes nothing",
  ignore: !parityAvailable,
  fn: async () => {
    const before = all.length;
    const bad = cases.filter(({ expected }) => expected !== "load");
    assert(bad.length >= 36);
    for (const { file: name, expected, if_loaded } of bad) {
      const message = await outcome(pathOf(name), if_loaded?.tensors);
      assertEquals(message === "loaded", expected === "load_or_refuse", `${name}: ${message}`);
      assert(!message.includes("\n"), message);
      assert(message === "loaded" || message.includes(name), message);
    }
    assertEquals([...Deno.readDirSync(FOLDER)].length, before);
    assertEquals(({} as { polluted?: boolean }).polluted, undefined);
    for (const marker of ["pickle_was_executed.marker", "../pickle_was_executed.marker"]) {
      assertEquals(await Deno.lstat(marker).then(() => true, () => false), false);
    }
  },
});

async function outcome(path: string, tensors: readonly string[] | undefined): Promise<string> {
  try {
    using file = await openTorch(path);
    for (const name of file.tensors.keys()) await file.readBytes(name);
    assertEquals([...file.tensors.keys()].map((name) => name.replace(/^model\./, "")), tensors);
    return "loaded";
  } catch (error) {
    assert(error instanceof CheckpointError, String(error));
    return error.message;
  }
}

const DTYPES: Readonly<Record<string, string>> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

async function compare(file: TorchFile, listed: Listed): Promise<void> {
  const name = listed.key.join(".");
  const { dtype, shape, parameter, requiresGrad } = file.tensors.get(name)!;
  assertEquals([dtype, [...shape]], [DTYPES[listed.dtype], listed.shape as number[]]);
  assertEquals(parameter, listed.parameter ?? false, name);
  if (listed.requires_grad !== undefined) assertEquals(requiresGrad, listed.requires_grad, name);
  const bytes = await file.readBytes(name);
  assertEquals(crc32(bytes), parseInt(listed.crc32, 16), name);
  const wide = dtype === "I64" || dtype === "F64";
  const numbers = wide
    ? Array.from(new (dtype === "I64" ? BigInt64Array : Float64Array)(bytes.buffer), Number)
    : Array.from(await file.read(name), Number);
  assertEquals(numbers.slice(0, 4), listed.first.map(Number).slice(0, 4), name);
  const sum = numbers.reduce((total, value) => total + value, 0);
  const size = numbers.reduce((total, value) => total + Math.abs(value), 0);
  const l2 = Math.sqrt(numbers.reduce((total, value) => total + value * value, 0));
  near(sum, Number(listed.sum), size, name);
  near(l2, Number(listed.l2), l2, name);
}

function near(got: number, want: number, scale: number, name: string): void {
  if (Number.isNaN(want)) assert(Number.isNaN(got), name);
  else assert(Math.abs(got - want) <= 1e-12 * scale, `${name}: ${got} for ${want}`);
}

function at(value: PickleValue, path: readonly (string | number)[]): PickleValue {
  return path.reduce<PickleValue>((own, key) => {
    const items = own instanceof PickleTuple ? own.items : own;
    const child = items instanceof PickleDict ? items.get(key) : (items as PickleValue[])[Number(key)];
    assert(child !== undefined, path.join("."));
    return child;
  }, value);
}

/** A value as the JSON beside the file lists it. */
function plainOf(value: PickleValue, type: string): unknown {
  if (value instanceof PickleGlobal || value instanceof TorchDevice) return value.name;
  if (value instanceof PickleTuple) return value.items;
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return value.toHex();
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    assertEquals(type, "float");
    return Object.is(value, -0) ? "-0" : String(value);
  }
  return value;
}

function assertContainer(value: PickleValue, type: string, length: number): void {
  if (Array.isArray(value)) return assertEquals([type, length], ["list", value.length]);
  if (value instanceof PickleTuple) {
    return assertEquals([type, length], [value.className, value.items.length]);
  }
  assert(value instanceof PickleDict);
  assertEquals([type, length], [value.className, value.size]);
}
