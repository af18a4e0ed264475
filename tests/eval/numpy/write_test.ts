import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { encodeNpy, type NumpyArray, NumpyFile, writeLargeNpz, writeNpz } from "../../../eval/numpy/mod.ts";
import { withFolder } from "./folder.ts";

const ARRAYS: readonly [string, NumpyArray][] = [
  ["mu", { shape: [3], data: Float64Array.of(1, -0, Number.NaN) }],
  ["sigma", { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
  ["stats/count", { shape: [], data: BigInt64Array.of(-(2n ** 62n)) }],
  ["arr_0", { shape: [1, 2, 1, 3], data: Uint8Array.of(0, 1, 2, 253, 254, 255) }],
  ["half", { shape: [2], data: Float16Array.of(0.5, 65504) }],
  ["none", { shape: [0, 4], data: new Int16Array(0) }],
];

Deno.test("`writeNpz()` writes what `NumpyFile` reads", () =>
  withFolder(async (folder) => {
    await writeNpz(`${folder}/a.npz`, new Map(ARRAYS));
    using file = await NumpyFile.open(`${folder}/a.npz`);
    assertEquals(file.names, ARRAYS.map(([name]) => name));
    for (const [name, array] of ARRAYS) assertEquals(file.read(name), array);
  }));

Deno.test("`writeNpz()` writes equal files for equal arrays", () =>
  withFolder(async (folder) => {
    for (const name of ["a", "b"]) await writeNpz(`${folder}/${name}.npz`, new Map(ARRAYS));
    assertEquals(await Deno.readFile(`${folder}/a.npz`), await Deno.readFile(`${folder}/b.npz`));
  }));

Deno.test("`writeNpz()` leaves the old file and nothing else when it fails", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.npz`;
    await Deno.writeTextFile(path, "old");
    const broken: NumpyArray = { shape: [4], data: Float64Array.of(1) };
    const write = () => writeNpz(path, new Map([...ARRAYS, ["broken", broken]]));
    await assertRejects(write, CheckpointError, "4 elements wanted, got 1");
    assertEquals(await Deno.readTextFile(path), "old");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.npz"]);
    await assertRejects(() => writeNpz(`${folder}/none/a.npz`, new Map()), CheckpointError, "Cannot write");
  }));

Deno.test("`encodeNpy()` aligns the elements at 64 bytes", () => {
  for (const rank of [0, 1, 2, 30]) {
    const bytes = encodeNpy({ shape: new Array(rank).fill(1), data: Float64Array.of(7) });
    assertEquals((bytes.length - 8) % 64, 0);
    assertEquals(bytes[bytes.length - 9], "\n".charCodeAt(0));
  }
  assertThrows(
    () => encodeNpy({ shape: [2], data: Float64Array.of(7) }),
    CheckpointError,
    "2 elements wanted",
  );
});

Deno.test("`writeLargeNpz()` writes an array from pieces, of which `rows()` reads any range", () =>
  withFolder(async (folder) => {
    const data = Uint8Array.from({ length: 60 }, (_, i) => i);
    const path = `${folder}/large.npz`;
    await writeLargeNpz(path, "arr_0", {
      descr: "|u1",
      shape: [10, 2, 3],
      *pieces() {
        for (let i = 0; i < 60; i += 7) yield data.subarray(i, i + 7);
      },
    });
    using file = await NumpyFile.open(path);
    assertEquals(file.read("arr_0"), { shape: [10, 2, 3], data });
    assertEquals(file.rows("arr_0", 3, 5), { shape: [2, 2, 3], data: data.slice(18, 30) });
    assertEquals(file.rows("arr_0", 10, 10).shape, [0, 2, 3]);
    assertThrows(() => file.rows("arr_0", 8, 11), RangeError, "it has 10");
  }));
