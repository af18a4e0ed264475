import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openFileSource } from "../../../engine/checkpoint/byte_source.ts";
import { ZipArchive } from "../../../engine/checkpoint/zip.ts";
import { writeZip } from "../../../engine/checkpoint/zip_writer.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";

const ENTRIES = [1, 0, 63, 64, 65, 1000].map((length, i) => ({
  name: `folder/é${i}`,
  bytes: () => new Uint8Array(length).fill(i + 1),
}));

Deno.test("`writeZip()` writes aligned entries that `ZipArchive` reads, whole and in part", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "a.zip");
    await writeZip(path, ENTRIES);
    const source = await openFileSource(path);
    const archive = await ZipArchive.open(source);
    assertEquals([...archive.entries.keys()], ENTRIES.map(({ name }) => name));
    for (const { name, bytes } of ENTRIES) {
      assertEquals(archive.read(name), bytes());
      const { offset, size } = archive.entries.get(name)!;
      const header = new DataView(source.read(offset, offset + 30).buffer);
      assertEquals((offset + 30 + header.getUint16(26, true) + header.getUint16(28, true)) % 64, 0);
      assertEquals(archive.readRange(name, Math.min(1, size), size), bytes().slice(1));
    }
    source.close();
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.zip"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("`writeZip()` leaves the old file as it is when an entry fails", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "a.zip");
    await Deno.writeTextFile(path, "old");
    const failing = { name: "b", bytes: () => Promise.reject(new CheckpointError("Cannot read b")) };
    await assertRejects(() => writeZip(path, [...ENTRIES, failing]), CheckpointError, "Cannot read b");
    assertEquals(await Deno.readTextFile(path), "old");
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
