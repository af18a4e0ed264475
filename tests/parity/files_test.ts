import { assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../../engine/core/errors.ts";
import { findGoldens } from "../../eval/parity/files.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["rope_2d", "rope_1d", "cfg1.5", "cfg1x5"]) {
      await Deno.writeTextFile(`${folder}/${name}.safetensors`, "");
    }
    await Deno.writeTextFile(`${folder}/notes.md`, "");
    await Deno.mkdir(`${folder}/inner.safetensors`);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const named = (folder: string, ...names: string[]) => names.map((name) => `${folder}/${name}.safetensors`);

Deno.test("`findGoldens()` takes the files of a folder in order, and not those of other kinds", () =>
  inFolder(async (folder) => {
    const all = named(folder, "cfg1.5", "cfg1x5", "rope_1d", "rope_2d");
    assertEquals(await findGoldens([folder]), all);
    assertEquals(await findGoldens([`${folder}/`]), all);
  }));

Deno.test("`findGoldens()` expands patterns with and without the extension", () =>
  inFolder(async (folder) => {
    const ropes = named(folder, "rope_1d", "rope_2d");
    for (const pattern of ["rope_*", "rope_?d.safetensors", "rope_{1,2}d*"]) {
      assertEquals(await findGoldens([`${folder}/${pattern}`]), ropes);
    }
    assertEquals(await findGoldens([`${folder}/cfg1.5`]), named(folder, "cfg1.5"));
  }));

Deno.test("`findGoldens()` gives a file that is named twice once", () =>
  inFolder(async (folder) => {
    const [file] = named(folder, "rope_1d");
    assertEquals(await findGoldens([file, `${folder}/rope_1*`]), [file]);
  }));

Deno.test("`findGoldens()` throws when a path stands for nothing", () =>
  inFolder(async (folder) => {
    await assertRejects(() => findGoldens([`${folder}/moe_*`]), ConfigError, "no file, folder or pattern");
    await assertRejects(() => findGoldens([`${folder}/none/x`]), ConfigError, "no file, folder or pattern");
    const inner = `${folder}/inner.safetensors`;
    await assertRejects(() => findGoldens([inner]), ConfigError, "it holds no .safetensors file");
  }));
