import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import {
  openSafetensors,
  parseSafetensors,
  type SafetensorsFile,
} from "../../../engine/checkpoint/safetensors.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { sizeOf } from "../../../engine/core/shape.ts";
import { fileBytes } from "./safetensors_bytes.ts";

function single(dtype: string, data: ArrayBufferView<ArrayBuffer>, count: number): SafetensorsFile {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const header = { w: { dtype, shape: [count], data_offsets: [0, bytes.length] } };
  return parseSafetensors(fileBytes(header, bytes), "a.safetensors");
}

Deno.test("`SafetensorsFile.read()` returns four-byte types and bytes as they are stored", async () => {
  // Quiet and signalling NaNs with payloads, a subnormal, -0: bits, not values, must survive.
  const bits = new Uint32Array([0x7fc00123, 0xff800001, 1, 0x80000000]);
  const floats = await single("F32", bits, 4).read("w");
  assert(floats instanceof Float32Array);
  assertEquals(new Uint32Array(floats.buffer), bits);
  assertEquals(await single("U32", bits, 4).read("w"), bits);
  assertEquals(await single("I32", new Int32Array([-1, 2]), 2).read("w"), new Int32Array([-1, 2]));
  assertEquals(await single("U8", new Uint8Array([1, 255, 3]), 3).read("w"), new Uint8Array([1, 255, 3]));
});

Deno.test("`SafetensorsFile.read()` widens F16 and BF16, rounds F64, and narrows I64", async () => {
  const half = new Uint16Array([0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00]);
  assertEquals(await single("F16", half, 5).read("w"), new Float32Array([1, -2, 65504, 2 ** -24, Infinity]));
  const brain = new Uint16Array([0x3f80, 0xc000, 0x7f80, 0x0001]);
  assertEquals(await single("BF16", brain, 4).read("w"), new Float32Array([1, -2, Infinity, 2 ** -133]));
  assertEquals(
    await single("F64", new Float64Array([0.1, -1e300]), 2).read("w"),
    new Float32Array([0.1, -Infinity]),
  );
  const long = new BigInt64Array([-(2n ** 31n), 2n ** 31n - 1n]);
  assertEquals(await single("I64", long, 2).read("w"), new Int32Array([-(2 ** 31), 2 ** 31 - 1]));
  await assertRejects(
    () => single("I64", new BigInt64Array([2n ** 31n]), 1).read("w"),
    CheckpointError,
    'Cannot read tensor "w" of a.safetensors: I64 value 2147483648 does not fit',
  );
});

Deno.test("`SafetensorsFile.read()` refuses unknown names, unsupported dtypes and a closed file", async () => {
  const file = single("F8_E4M3", new Uint8Array(4), 4);
  await assertRejects(() => file.read("w"), CheckpointError, "dtype F8_E4M3 given, wanted F32, I32");
  await assertRejects(() => file.read("x"), CheckpointError, "the file has no such tensor");
  file.close();
  file.close();
  await assertRejects(() => file.read("w"), CheckpointError, "the file is closed");
});

Deno.test("`openSafetensors()` names a missing file, a folder, and a broken file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await assertRejects(() => openSafetensors(join(folder, "none")), CheckpointError, "Cannot open");
    await assertRejects(() => openSafetensors(folder), CheckpointError, "it is not a regular file");
    const path = join(folder, "a.safetensors");
    await Deno.writeFile(path, fileBytes({}, 0, 2n ** 60n));
    await assertRejects(
      () => openSafetensors(path),
      CheckpointError,
      `Cannot read ${path}: the header claims`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("`openSafetensors()` refuses a huge header without reading it", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, fileBytes({}, 0, 150_000_000n));
    await Deno.truncate(path, 160_000_000);
    await assertRejects(() => openSafetensors(path), CheckpointError, "at most 100000000 are allowed");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("`SafetensorsFile.read()` says so when the file was cut after it was opened", async () => {
  const path = await Deno.makeTempFile();
  try {
    const header = { w: { dtype: "F32", shape: [4], data_offsets: [0, 16] } };
    await Deno.writeFile(path, fileBytes(header, 16));
    using file = await openSafetensors(path);
    await Deno.truncate(path, (await Deno.stat(path)).size - 4);
    await assertRejects(() => file.read("w"), CheckpointError, "it ends at byte");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("`parseSafetensors()` returns copies that do not share memory with the file", async () => {
  const file = single("F32", new Float32Array([1, 2]), 2);
  const first = await file.read("w");
  first[0] = 9;
  assertEquals(await file.read("w"), new Float32Array([1, 2]));
  assertThrows(() => parseSafetensors(new Uint8Array(3)), CheckpointError, "Cannot read bytes in memory");
});

const PARITY = new URL("../../../../shared/parity/", import.meta.url);

function parityFiles(): string[] {
  try {
    return [...Deno.readDirSync(PARITY)].map(({ name }) => name).filter((name) =>
      name.endsWith(".safetensors")
    );
  } catch {
    return [];
  }
}

const files = parityFiles();

Deno.test({
  name: `\`openSafetensors()\` reads all golden files (${files.length} found)`,
  ignore: files.length === 0,
  async fn() {
    for (const name of files) {
      const path = fromFileUrl(new URL(name, PARITY));
      using file = await openSafetensors(path);
      using copy = parseSafetensors(await Deno.readFile(path));
      assertEquals(file.metadata.case, name.replace(".safetensors", ""));
      assertNotEquals(file.tensors.size, 0);
      for (const [tensor, { shape }] of file.tensors) {
        const data = await file.read(tensor);
        assertEquals(data.length, sizeOf(shape));
        const other = await copy.read(tensor);
        assertEquals(bytesOf(data), bytesOf(other), `${tensor} of ${name}`);
      }
    }
  },
});

function bytesOf(data: ArrayBufferView<ArrayBuffer>): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
