/**
 * Files that NumPy wrote, broken and hostile ones among them, each with a JSON that says what it holds or why it has to
 * be refused.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { crc32 } from "node:zlib";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { encodeNpy, type NumpyArray, NumpyFile } from "../../../eval/numpy/mod.ts";
import { PARITY_FOLDER, parityAvailable } from "../../devices.ts";

/** What the JSON beside a file says of one of its arrays. */
interface Listed {
  readonly name: string;
  readonly npy_version: readonly number[];
  readonly descr: string;
  readonly shape: readonly number[];
  readonly fortran_order: boolean;
  readonly sum: number | string;
  readonly l2: number | string;
  readonly first: readonly (number | string | boolean)[];
  readonly crc32: string;
}

interface Description {
  readonly file: string;
  readonly expected: "load" | "refuse";
  readonly may_refuse?: boolean | readonly string[];
  readonly arrays: readonly Listed[];
}

const folder = new URL("numpy/", PARITY_FOLDER);

function descriptions(): Description[] {
  if (!parityAvailable) return [];
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    name.endsWith(".json")
  );
  return names.sort().map((name) => JSON.parse(Deno.readTextFileSync(new URL(name, folder))));
}

const files = descriptions();

/** Text that the refusal of each broken file has to hold. */
const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  "broken_crc.npz": ["sigma", "CRC-32"],
  "broken_deflate.npz": ["sigma", "deflate"],
  "broken_descr.npy": ['"<q9"'],
  "broken_float_shape.npy": ["shape", "3.0"],
  "broken_header_code.npy": ["malformed"],
  "broken_header_length.npy": ["header is cut", "60000"],
  "broken_header_missing_key.npy": ["fortran_order"],
  "broken_magic.npy": ["not an .npy file"],
  "broken_negative_shape.npy": ["shape", "-3"],
  "broken_not_a_zip.npz": ["neither a zip archive nor an .npy file"],
  "broken_truncated.npy": ["480 bytes", "473"],
  "broken_truncated_zip.npz": ["cut"],
  "broken_version.npy": ["version 9.0"],
  "hostile_huge_shape.npy": ["35184372088832 bytes", "480"],
  "hostile_object.npy": ["Python objects"],
  "hostile_object_entry.npz": ["arr_0", "Python objects"],
  "hostile_overflow_shape.npy": ["147573952589676412928 bytes"],
  "hostile_zip_bomb.npz": ["32 bytes"],
};

async function readAll({ file }: Description): Promise<Map<string, NumpyArray>> {
  using opened = await NumpyFile.open(new URL(file, folder).pathname);
  return new Map(opened.names.map((name) => [name, opened.read(name)]));
}

for (const description of files.filter(({ expected }) => expected === "refuse")) {
  Deno.test(`\`NumpyFile\` refuses ${description.file} in one line that says why`, async () => {
    const error = await assertRejects(() => readAll(description), CheckpointError);
    const wanted = REFUSALS[description.file];
    for (const part of [description.file, ...wanted]) assertStringIncludes(error.message, part);
    assert(!error.message.includes("\n") && error.message.length < 300, error.message);
  });
}

for (const description of files.filter(({ expected }) => expected === "load")) {
  Deno.test(`\`NumpyFile\` reads ${description.file} as its description lists it`, async () => {
    using file = await NumpyFile.open(new URL(description.file, folder).pathname);
    assertEquals(file.names, description.arrays.map(({ name }) => name));
    for (const listed of description.arrays) {
      if (isNumeric(listed.descr)) assertArray(file, listed);
      else assertDeclined(file, listed, description);
    }
  });
}

function isNumeric(descr: string): boolean {
  return /^[<>|][biuf]\d$/.test(descr);
}

function assertDeclined(file: NumpyFile, { name, descr }: Listed, { may_refuse: may }: Description): void {
  assert(may === true || (Array.isArray(may) && may.includes(name)));
  try {
    file.read(name);
  } catch (error) {
    assert(error instanceof CheckpointError);
    return assertStringIncludes(error.message, descr);
  }
  throw new Error(`${descr} was read`);
}

function assertArray(file: NumpyFile, listed: Listed): void {
  const header = file.header(listed.name);
  assertEquals(
    [header.version, header.descr, header.shape, header.fortranOrder],
    [listed.npy_version, listed.descr, listed.shape, listed.fortran_order],
  );
  const { shape, data } = file.read(listed.name);
  assertEquals(shape, listed.shape);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  assertEquals(crc32(bytes).toString(16).padStart(8, "0"), listed.crc32);
  const values = Array.from(data as Float64Array, Number);
  const first = Array.from(data as Float64Array).slice(0, 4);
  assertEquals(first.map(String), listed.first.slice(0, 4).map((value) => listedText(value)));
  assertClose(values.reduce((sum, value) => sum + value, 0), listed.sum, values);
  assertClose(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)), listed.l2, values);
}

/** A listed value as `String()` gives the one that was read: truth values are bytes, -0 has no sign as text. */
function listedText(value: number | string | boolean): string {
  if (typeof value === "boolean") return String(Number(value));
  return value === "-0" ? "0" : String(value);
}

function assertClose(got: number, listed: number | string, values: readonly number[]): void {
  if (typeof listed === "string") return assertEquals(String(got), listed);
  const magnitude = values.reduce((sum, value) => sum + Math.abs(value), 0);
  assertAlmostEquals(got, listed, 1e-12 * magnitude);
}

Deno.test({
  name: "`NumpyFile` reads the sound arrays beside a broken one",
  ignore: !parityAvailable,
  fn: async () => {
    const beside = [["hostile_object_entry.npz", "mu"], ["broken_crc.npz", "mu"], [
      "broken_deflate.npz",
      "mu",
    ]];
    for (const [name, sound] of beside) {
      using file = await NumpyFile.open(new URL(name, folder).pathname);
      const { shape, data } = file.read(sound);
      assertEquals(data.length, shape.reduce((product, extent) => product * extent, 1));
      assert(data.length > 0);
    }
  },
});

Deno.test({
  name: "`NumpyFile` refuses a deflate bomb without inflating it",
  ignore: !parityAvailable,
  fn: async () => {
    using file = await NumpyFile.open(new URL("hostile_zip_bomb.npz", folder).pathname);
    const before = Deno.memoryUsage();
    await assertRejects(
      () => Promise.resolve().then(() => file.read(file.names[0])),
      CheckpointError,
      "32 bytes",
    );
    const after = Deno.memoryUsage();
    assert(after.external - before.external < 8 << 20);
  },
});

Deno.test({
  name: "`encodeNpy()` writes the bytes that NumPy writes",
  ignore: !parityAvailable,
  fn: async () => {
    for (const name of ["features_batch.npy", "images_u8.npy", "scalar.npy"]) {
      using file = await NumpyFile.open(new URL(name, folder).pathname);
      assertEquals(encodeNpy(file.read("")), await Deno.readFile(new URL(name, folder)));
    }
  },
});
