import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { asFloat64, encodeNpy, type NumpyArray, NumpyFile, writeNpz } from "../../../eval/numpy/mod.ts";
import { withFolder } from "./folder.ts";

/** An `.npy` file with this header. */
function npy(header: string, data: Uint8Array, version = 1): Uint8Array<ArrayBuffer> {
  const start = version === 1
    ? [header.length % 256, header.length >> 8]
    : [header.length % 256, header.length >> 8, 0, 0];
  const text = new TextEncoder().encode(header);
  return joined(Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...start), text, data);
}

function header(descr: string, shape: string, fortran = "False"): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}}\n`;
}

async function parse(bytes: Uint8Array): Promise<NumpyArray> {
  using file = await NumpyFile.parse(bytes, "x.npy");
  return file.read("");
}

const bytesOf = (data: Float64Array | Int16Array): Uint8Array => new Uint8Array(data.buffer);

Deno.test("`NumpyFile` reads numbers of either byte order", async () => {
  const little = await parse(npy(header("<i2", "(3,)"), bytesOf(Int16Array.of(1, -2, 300))));
  assertEquals(little, { shape: [3], data: Int16Array.of(1, -2, 300) });
  const big = await parse(npy(header(">i2", "(3,)"), Uint8Array.of(0, 1, 0xff, 0xfe, 1, 44), 2));
  assertEquals(big.data, Int16Array.of(1, -2, 300));
});

Deno.test("`NumpyFile` turns Fortran order into row-major order", async () => {
  const columns = bytesOf(Float64Array.of(0, 3, 1, 4, 2, 5));
  const read = await parse(npy(header("<f8", "(2, 3)", "True"), columns));
  assertEquals(read, { shape: [2, 3], data: Float64Array.of(0, 1, 2, 3, 4, 5) });
  const cube = Int16Array.from({ length: 24 }, (_, i) => i);
  const { data } = await parse(npy(header("<i2", "(2, 3, 4)", "True"), bytesOf(cube)));
  const at = (i: number, j: number, k: number) => data[(i * 3 + j) * 4 + k];
  assertEquals([at(1, 0, 0), at(0, 1, 0), at(0, 0, 1), at(1, 2, 3)], [1, 2, 6, 23]);
});

Deno.test("`NumpyFile` reads arrays without elements and without extents", async () => {
  assertEquals((await parse(npy(header("<f8", "(0, 7)", "True"), new Uint8Array()))).shape, [0, 7]);
  const scalar = await parse(npy(header("<f8", "()"), bytesOf(Float64Array.of(2.5))));
  assertEquals(scalar, { shape: [], data: Float64Array.of(2.5) });
});

Deno.test("`NumpyFile` refuses headers that do not fit their file", async () => {
  const eight = bytesOf(Float64Array.of(1));
  const broken: readonly [Uint8Array, string][] = [
    [npy(header("<f8", "(2,)"), eight), "wants 16 bytes, it holds 8"],
    [npy(header("<f4", "(1,)"), eight), "wants 4 bytes, it holds 8"],
    [npy(header("|f8", "(1,)"), eight), '"|f8" is not one of'],
    [npy(header("<f8", "(True,)"), eight), "shape [true]"],
    [npy(header("<f8", "1"), eight), "shape 1 is not a tuple"],
    [npy(header("<f8", `(${"1, ".repeat(65)})`), eight), "at most 64 whole numbers"],
    [npy(header("<f8", "(99999999999999999999,)"), eight), "shape"],
    [npy(header("<f8", "(1,)", "0"), eight), "fortran_order 0, wanted True or False"],
    [npy("(1, 2)", eight), "not a dictionary"],
    [npy(header("<f8", "(1,)"), eight).subarray(0, 9), "too few"],
    [npy(header("<f8", "(1,)"), eight).subarray(0, 40), "header is cut"],
    [new Uint8Array(), "too few"],
  ];
  for (const [bytes, message] of broken) {
    const error = await assertRejects(() => parse(bytes), CheckpointError);
    assertStringIncludes(error.message, message);
    assertStringIncludes(error.message, "Cannot read x.npy: ");
  }
});

Deno.test("`NumpyFile` reads an array by rows", async () => {
  const data = Float64Array.from({ length: 10 }, (_, i) => i);
  using file = await NumpyFile.parse(encodeNpy({ shape: [5, 2], data }), "x.npy");
  const parts = [...file.batches("", 2)];
  assertEquals(parts.map(({ shape }) => shape), [[2, 2], [2, 2], [1, 2]]);
  assertEquals(parts.flatMap((part) => [...asFloat64(part)]), [...data]);
  assertThrows(() => [...file.batches("", 0)], RangeError, "0 rows");
  using scalar = await NumpyFile.parse(encodeNpy({ shape: [], data: Float64Array.of(1) }), "x.npy");
  assertThrows(() => [...scalar.batches("", 1)], CheckpointError, "0-dimensional");
});

Deno.test("`NumpyFile` names the arrays there are when another is asked for", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    await writeNpz(path, new Map([["mu", { shape: [1], data: Float64Array.of(1) }]]));
    using file = await NumpyFile.open(path);
    const message = `Cannot read array "sigma" of ${path}: the file has no such array, it has "mu"`;
    assertEquals(assertThrows(() => file.read("sigma"), CheckpointError).message, message);
    file.close();
    assertThrows(() => file.read("mu"), CheckpointError, "closed");
  }));

Deno.test("`NumpyFile` refuses a deflated entry whose header wants less than it announces", () =>
  withFolder(async (folder) => {
    const inner = npy(header("<f8", "(1,)"), new Uint8Array(1 << 20));
    const path = `${folder}/bomb.npz`;
    await Deno.writeFile(path, zipOf("x.npy", inner));
    using file = await NumpyFile.open(path);
    const error = assertThrows(() => file.read("x"), CheckpointError);
    assertStringIncludes(error.message, "wants 8 bytes, it holds 1048576");
  }));

/** An archive of one deflated entry; its CRC-32 is left out, since nothing should get to it. */
function zipOf(name: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const [packed, text] = [deflateRawSync(data), new TextEncoder().encode(name)];
  const common = (view: DataView, at: number) => {
    view.setUint16(at, 20, true);
    view.setUint16(at + 4, 8, true);
    view.setUint16(at + 8, 0x21, true);
    view.setUint32(at + 14, packed.length, true);
    view.setUint32(at + 18, data.length, true);
    view.setUint16(at + 22, text.length, true);
  };
  const local = new DataView(new ArrayBuffer(30));
  local.setUint32(0, 0x04034b50, true);
  common(local, 4);
  const central = new DataView(new ArrayBuffer(46));
  central.setUint32(0, 0x02014b50, true);
  common(central, 6);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, 1, true);
  end.setUint16(10, 1, true);
  end.setUint32(12, 46 + text.length, true);
  end.setUint32(16, 30 + text.length + packed.length, true);
  const [head, directory, tail] = [local, central, end].map(({ buffer }) => new Uint8Array(buffer));
  return joined(head, text, packed, directory, text, tail);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
