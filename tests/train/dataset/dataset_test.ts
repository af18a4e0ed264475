import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../../engine/core/errors.ts";
import { openDataset, type OpenDatasetOptions } from "../../../train/dataset/dataset.ts";
import { truncate, withFolder, writeClasses } from "./fixtures.ts";

/** Opens a folder and tells how many files were decoded for it. */
async function open(options: OpenDatasetOptions) {
  let decoded = 0;
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  const dataset = await openDataset({ imageSize: 4, ...options, onProgress: () => decoded++, onWarning });
  return { dataset, decoded, warnings };
}

Deno.test("`openDataset()` decodes a folder into planes, labels and positions of each class", async () => {
  await withFolder(async (folder) => {
    const data = await writeClasses(folder, { cats: 2, dogs: 1 });
    const { dataset, decoded, warnings } = await open({ data, cacheDirectory: folder });
    assertEquals([dataset.name, dataset.classNames, dataset.count], ["pictures", ["cats", "dogs"], 3]);
    assertEquals([dataset.imageSize, dataset.channels, dataset.location], [4, 3, data]);
    assertEquals([...dataset.labels], [0, 0, 1]);
    assertEquals(dataset.imagesOfClass.map((positions) => [...positions]), [[0, 1], [2]]);
    const plane = (value: number) => new Array(16).fill(value);
    assertEquals(
      [...dataset.images],
      [[0, 0, 200], [0, 1, 200], [1, 0, 200]].flatMap((color) => color.flatMap(plane)),
    );
    assertEquals([decoded, warnings], [3, []]);
  });
});

Deno.test("`openDataset()` decodes nothing the second time, and again when the cache is damaged", async () => {
  await withFolder(async (folder) => {
    const data = await writeClasses(folder, { cats: 2, dogs: 1 });
    const cacheDirectory = join(folder, "cache");
    const first = await open({ data, cacheDirectory });
    const second = await open({ data, cacheDirectory });
    assertEquals(second, { ...first, decoded: 0 });
    const [entry] = [...Deno.readDirSync(cacheDirectory)];
    await truncate(join(cacheDirectory, entry.name));
    assertEquals(await open({ data, cacheDirectory }), first);
    assertEquals((await open({ data, cacheDirectory })).decoded, 0);
  });
});

Deno.test("`openDataset()` gives another digest when a pixel or the size differs", async () => {
  await withFolder(async (folder) => {
    const data = await writeClasses(folder, { cats: 2 });
    const { dataset } = await open({ data, cacheDirectory: folder });
    assertNotEquals(
      (await open({ data, cacheDirectory: folder, imageSize: 8 })).dataset.digest,
      dataset.digest,
    );
    await Deno.rename(join(data, "cats", "0.png"), join(data, "cats", "3.png"));
    assertNotEquals((await open({ data, cacheDirectory: folder })).dataset.digest, dataset.digest);
  });
});

Deno.test("`openDataset()` leaves out a truncated PNG and names it, also when it reads the cache", async () => {
  await withFolder(async (folder) => {
    const data = await writeClasses(folder, { cats: 12, dogs: 1 });
    await truncate(join(data, "cats", "5.png"));
    const wanted = /^1 of 13 files left out as broken, the first: Cannot decode "cats\/5\.png": [^\n]+$/;
    for (const decoded of [13, 0]) {
      const opened = await open({ data, cacheDirectory: folder });
      assertEquals([opened.decoded, opened.dataset.count, opened.dataset.skipped.count], [decoded, 12, 1]);
      assertMatch(opened.warnings[0], wanted);
      assertEquals([...opened.dataset.imagesOfClass[1]], [11]);
    }
  });
});

Deno.test("`openDataset()` refuses when more than a tenth of the files are broken, and writes no cache", async () => {
  await withFolder(async (folder) => {
    const data = await writeClasses(folder, { cats: 9, dogs: 1 });
    await truncate(join(data, "cats", "1.png"));
    assertEquals((await open({ data, cacheDirectory: folder })).dataset.count, 9);
    await truncate(join(data, "cats", "2.png"));
    const cacheDirectory = join(folder, "other");
    await assertRejects(() => open({ data, cacheDirectory }), DataError, "got 2 of 10, the first: ");
    await assertRejects(() => Deno.stat(cacheDirectory), Deno.errors.NotFound);
  });
});

Deno.test("`openDataset()` refuses a class whose only PNG is broken", async () => {
  await withFolder(async (folder) => {
    const data = await writeClasses(folder, { cats: 19, dogs: 1 });
    await Deno.writeTextFile(join(data, "dogs", "0.png"), "");
    await assertRejects(() => open({ data, cacheDirectory: folder }), DataError, 'Cannot use class "dogs"');
  });
});

Deno.test("`openDataset()` refuses an image size that is not a sensible whole number", async () => {
  await withFolder(async (folder) => {
    const data = await writeClasses(folder, { cats: 1 });
    for (const imageSize of [0, 3, 31.5, 2000, NaN]) {
      await assertRejects(
        () => open({ data, imageSize }),
        DataError,
        `Cannot resize images to ${imageSize} pixels`,
      );
    }
  });
});
