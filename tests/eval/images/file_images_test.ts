import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../../engine/core/errors.ts";
import { encodeNpy, encodePng, peekPng, writeNpz } from "../../../eval/mod.ts";
import { openImages } from "../../../eval/images/file_images.ts";
import { truncate, withFolder, writePng } from "../../train/dataset/fixtures.ts";

/** Two images of 2 x 3 whose bytes count up. */
const ARRAY = { shape: [2, 2, 3, 3], data: Uint8Array.from({ length: 36 }, (_, i) => i) };

Deno.test("`openImages()` gives planes of the archives that ADM and `numpy.save` write", () =>
  withFolder(async (folder) => {
    await writeNpz(join(folder, "a.npz"), new Map([["arr_0", ARRAY]]));
    await Deno.writeFile(join(folder, "a.npy"), encodeNpy(ARRAY));
    for (const name of ["a.npz", "a.npy"]) {
      using images = await openImages(join(folder, name));
      assertEquals([images.count, images.height, images.width], [2, 2, 3]);
      assertEquals([...await images.read(1, 2)], [
        18,
        21,
        24,
        27,
        30,
        33,
        19,
        22,
        25,
        28,
        31,
        34,
        20,
        23,
        26,
        29,
        32,
        35,
      ]);
      assertEquals((await images.read(0, 2)).length, 36);
    }
  }));

Deno.test("`openImages()` reads a folder at any depth in the order of its paths, on white, and tells a changed one", () =>
  withFolder(async (folder) => {
    await writePng(join(folder, "b", "1.png"), [1, 2, 3], 2);
    await writePng(join(folder, "a.png"), [4, 5, 6], 2);
    await writePng(join(folder, ".hidden.png"), [7, 8, 9], 5);
    const clear = encodePng({
      width: 2,
      height: 2,
      rgba: Uint8Array.of(...new Uint8Array(12), 0, 0, 0, 255),
    });
    await Deno.writeFile(join(folder, "c.png"), clear);
    await Deno.writeTextFile(join(folder, "notes.txt"), "not an image");
    using images = await openImages(folder);
    assertEquals([images.count, images.height, images.width], [3, 2, 2]);
    assertEquals([...await images.read(0, 2)], [
      4,
      4,
      4,
      4,
      5,
      5,
      5,
      5,
      6,
      6,
      6,
      6,
      1,
      1,
      1,
      1,
      2,
      2,
      2,
      2,
      3,
      3,
      3,
      3,
    ]);
    assertEquals([...await images.read(2, 3)], [255, 255, 255, 0, 255, 255, 255, 0, 255, 255, 255, 0]);
    await writePng(join(folder, "b", "2.png"), [1, 2, 3], 2);
    using more = await openImages(folder);
    assertNotEquals(more.digest, images.digest);
    using resized = await openImages(folder, 4);
    assertEquals([resized.height, (await resized.read(0, 1)).length], [4, 48]);
  }));

Deno.test("`openImages()` names the file that is cut or of another size, wherever it is in the folder", () =>
  withFolder(async (folder) => {
    for (const name of ["1.png", "2.png", "3.png"]) await writePng(join(folder, name), [1, 2, 3], 4);
    await truncate(join(folder, "2.png"));
    await assertRejects(() => openImages(folder), DataError, "2.png");
    await assertRejects(() => openImages(folder, 8), DataError, "2.png");
    await writePng(join(folder, "2.png"), [1, 2, 3], 5);
    await assertRejects(() => openImages(folder), DataError, "4 x 4 wanted as in 1.png, got 5 x 5");
    using resized = await openImages(folder, 4);
    assertEquals(resized.count, 3);
  }));

Deno.test("`peekPng()` gives the size of a whole file, and refuses one that is cut anywhere or has more behind it", () =>
  withFolder(async (folder) => {
    const path = join(folder, "a.png");
    await writePng(path, [1, 2, 3], 6);
    const whole = await Deno.readFile(path);
    assertEquals(await peekPng(path), { width: 6, height: 6 });
    await Deno.writeFile(path, Uint8Array.of(...whole, 1, 2, 3));
    await assertRejects(() => peekPng(path), DataError, "a.png");
    for (let length = 0; length < whole.length; length += 7) {
      await Deno.writeFile(path, whole.subarray(0, length));
      await assertRejects(() => peekPng(path), DataError, "a.png");
    }
  }));
