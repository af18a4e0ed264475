import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../../engine/core/errors.ts";
import { cachePath, readCache, writeCache } from "../../../train/dataset/cache.ts";
import { decodeSource } from "../../../train/dataset/decode.ts";
import { folderSource } from "../../../train/dataset/folder.ts";
import { withFolder, writeClasses, writePng } from "./fixtures.ts";

async function withCache(
  body: (path: string, bytes: Uint8Array, read: () => ReturnType<typeof readCache>) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const source = await folderSource(await writeClasses(folder, { cats: 2, dogs: 1 }));
    const path = await cachePath(source, 4, join(folder, "cache"));
    await writeCache(path, source, 4, await decodeSource(source, 4));
    await body(path, await Deno.readFile(path), () => readCache(path, source, 4));
  });
}

Deno.test("`readCache()` gives back what `writeCache()` was given, and no temporary file stays", async () => {
  await withFolder(async (folder) => {
    const source = await folderSource(await writeClasses(folder, { cats: 2, dogs: 1 }));
    const decoded = await decodeSource(source, 4);
    const path = await cachePath(source, 4, join(folder, "a", "cache"));
    const written = await writeCache(path, source, 4, decoded);
    assertEquals(written, { ...decoded, contentDigest: written.contentDigest });
    assertEquals(await readCache(path, source, 4), written);
    assertEquals([...Deno.readDirSync(join(folder, "a", "cache"))].length, 1);
  });
});

Deno.test("`readCache()` refuses a cache that is cut at any byte", async () => {
  await withCache(async (path, bytes, read) => {
    assert(await read());
    for (let length = 0; length < bytes.length; length += 7) {
      await Deno.writeFile(path, bytes.slice(0, length));
      assertEquals(await read(), undefined);
    }
  });
});

Deno.test("`readCache()` refuses a cache with an altered pixel, label or length of the header", async () => {
  await withCache(async (path, bytes, read) => {
    for (const position of [bytes.length - 20, bytes.length - 1, 8, 11]) {
      const altered = bytes.slice();
      altered[position] ^= 0x81;
      await Deno.writeFile(path, altered);
      assertEquals(await read(), undefined);
    }
  });
});

Deno.test("`readCache()` refuses a cache of another size or of other files", async () => {
  await withFolder(async (folder) => {
    const root = await writeClasses(folder, { cats: 2 });
    const source = await folderSource(root);
    const path = await cachePath(source, 4, folder);
    await writeCache(path, source, 4, await decodeSource(source, 4));
    assertEquals(await readCache(path, source, 8), undefined);
    await writePng(join(root, "cats", "2.png"), [9, 9, 9]);
    const changed = await folderSource(root);
    assertEquals(await readCache(path, changed, 4), undefined);
    assertNotEquals(await cachePath(changed, 4, folder), path);
  });
});

Deno.test("`writeCache()` names the file when its folder cannot be made", async () => {
  await withFolder(async (folder) => {
    const source = await folderSource(await writeClasses(folder, { cats: 1 }));
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const decoded = await decodeSource(source, 4);
    await assertRejects(
      () => writeCache(join(file, "a.images"), source, 4, decoded),
      DataError,
      `Cannot write the image cache "${join(file, "a.images")}"`,
    );
  });
});
