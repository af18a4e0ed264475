import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../../engine/core/errors.ts";
import { folderSource } from "../../../train/dataset/folder.ts";
import { sourceDigest } from "../../../train/dataset/source.ts";
import { withFolder, writeClasses, writePng } from "./fixtures.ts";

Deno.test("`folderSource()` takes subfolders as classes and PNG files as images, both sorted by name", async () => {
  await withFolder(async (folder) => {
    const root = await writeClasses(folder, { dogs: 2, Cats: 1 });
    await Deno.rename(join(root, "dogs", "1.png"), join(root, "dogs", "10.PNG"));
    await writePng(join(root, "dogs", "9.png"), [0, 0, 0]);
    await Deno.writeTextFile(join(root, "dogs", "notes.txt"), "not an image");
    await Deno.writeTextFile(join(root, "README.md"), "not a class");
    await Deno.mkdir(join(root, ".hidden"));
    const source = await folderSource(root);
    assertEquals(source.name, "pictures");
    assertEquals(source.classNames, ["Cats", "dogs"]);
    assertEquals(source.files.map(({ name, label }) => [name, label]), [
      ["Cats/0.png", 0],
      ["dogs/0.png", 1],
      ["dogs/10.PNG", 1],
      ["dogs/9.png", 1],
    ]);
  });
});

Deno.test("`folderSource()` follows symbolic links to class folders", async () => {
  await withFolder(async (folder) => {
    const root = await writeClasses(folder, { cats: 1 });
    await Deno.symlink(join(root, "cats"), join(root, "linked"));
    assertEquals((await folderSource(root)).classNames, ["cats", "linked"]);
  });
});

Deno.test("`sourceDigest()` changes when a file of the folder is added or changed, and not otherwise", async () => {
  await withFolder(async (folder) => {
    const root = await writeClasses(folder, { cats: 2 });
    const digest = async () => sourceDigest(await folderSource(root));
    const first = await digest();
    assertEquals(await digest(), first);
    await writePng(join(root, "cats", "2.png"), [1, 2, 3]);
    const second = await digest();
    assertNotEquals(second, first);
    await Deno.utime(join(root, "cats", "2.png"), 1_000_000, 1_000_000);
    assertNotEquals(await digest(), second);
  });
});

Deno.test("`folderSource()` refuses in one line what is no folder of classes", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const empty = join(folder, "empty");
    await Deno.mkdir(empty);
    const root = await writeClasses(folder, { cats: 1 });
    await Deno.mkdir(join(root, "dogs"));
    const cases = [
      [join(folder, "missing"), "No such file or directory"],
      [file, "a folder of class subfolders is wanted, got a file"],
      [empty, "got no subfolder"],
      [root, 'Cannot use class "dogs"'],
    ];
    for (const [directory, message] of cases) {
      const error = await assertRejects(() => folderSource(directory), DataError, message) as Error;
      assertMatch(error.message, /^[^\n]+$/);
    }
  });
});
