import { assert, assertEquals, assertMatch } from "@std/assert";
import { DataError } from "../../../engine/core/errors.ts";
import { loadSource } from "../../../train/dataset/dataset.ts";
import { EMOJI_CLASS_NAMES, emojiSource } from "../../../train/dataset/emoji.ts";
import type { ImageSource } from "../../../train/dataset/source.ts";
import { withFolder } from "./fixtures.ts";

/** The source, or the reason why this machine cannot fetch the package. */
async function fetchSource(): Promise<ImageSource | string> {
  try {
    return await emojiSource();
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
}

const source = await fetchSource();
const offline = typeof source === "string";
const found = source as ImageSource;
const skipNote = offline ? ` (SKIPPED: ${source})` : "";

Deno.test({
  name: `\`emojiSource()\` lists 3,781 images in nine classes in a fixed order${skipNote}`,
  ignore: offline,
  fn() {
    assertEquals(found.classNames, EMOJI_CLASS_NAMES);
    const counts = found.classNames.map((_, label) =>
      found.files.filter((file) => file.label === label).length
    );
    assertEquals(counts, [169, 2261, 159, 131, 218, 85, 264, 224, 270]);
    assertEquals(new Set(found.files.map(({ name }) => name)).size, 3781);
    assertEquals(found.files[0].name, "1f441-fe0f-200d-1f5e8-fe0f.png");
    const face = found.files.find(({ name }) => name === "1f600.png");
    assertEquals(face?.label, 0);
    assertMatch(found.licence, /Apache-2\.0/);
  },
});

Deno.test({
  name: `\`loadSource()\` decodes emoji on white at 32 and at 64 pixels${skipNote}`,
  ignore: offline,
  async fn() {
    const names = ["1f600.png", "1f1ef-1f1f5.png"];
    const files = found.files.filter(({ name }) => names.includes(name));
    const few = {
      ...found,
      classNames: ["face", "flag"],
      files: files.map((file) => ({ ...file, label: Number(file.name === names[1]) })),
    };
    await withFolder(async (cacheDirectory) => {
      for (const imageSize of [32, 64]) {
        const { images, count } = await loadSource(few, { imageSize, cacheDirectory });
        const plane = imageSize * imageSize;
        const centre = (imageSize / 2) * imageSize + imageSize / 2;
        const colorAt = (image: number, pixel: number) =>
          [0, 1, 2].map((channel) => images[(image * 3 + channel) * plane + pixel]);
        assertEquals(count, 2);
        assertEquals(colorAt(0, 0), [255, 255, 255]);
        const [red, green, blue] = colorAt(0, centre);
        assert(red > 200 && green > 150 && blue < 120, `the face is not yellow: ${[red, green, blue]}`);
        const [sunRed, sunGreen] = colorAt(1, centre);
        assert(sunRed > 150 && sunGreen < 80, `the sun of the flag is not red: ${[sunRed, sunGreen]}`);
      }
    });
  },
});

Deno.test("`emojiSource()` says in one line that the network is needed when the package cannot be fetched", async () => {
  await withFolder(async (empty) => {
    const emoji = new URL("../../../train/dataset/emoji.ts", import.meta.url);
    const program = `import { emojiSource } from ${JSON.stringify(emoji.href)};
      try { await emojiSource(); } catch (error) { console.log(error.name + "|" + error.message); }`;
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--cached-only", "--no-lock", "--no-check", "--config", config, program],
      env: { DENO_DIR: empty, NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout).trimEnd();
    assertMatch(text, /^DataError\|Cannot fetch the emoji images, which needs the network once [^\n]+$/);
  });
});
