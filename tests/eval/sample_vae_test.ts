import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { type SafetensorsEntry, writeSafetensors } from "../../engine/checkpoint/safetensors.ts";
import { main } from "../../eval/main.ts";
import { decodePng } from "../../eval/mod.ts";
import { createModel } from "../../models/mod.ts";
import { TINY_METADATA, tinyEntries } from "../models/autoencoder_kl/tiny_vae.ts";
import { captured } from "../output.ts";
import { tinyConfig } from "../train/tiny_run.ts";

/** Writes a latent model's checkpoint and an autoencoder, and samples by command. */
async function withLatentModel(
  channels: number,
  body: (
    sample: (...flags: string[]) => Promise<{ code: number; out: string; err: string; png: Uint8Array }>,
    vae: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const tiny = tinyConfig("nowhere");
    const config = { ...tiny, model: { ...tiny.model, in_channels: channels } };
    const entries = createModel(config).params.all.flatMap((parameter): SafetensorsEntry[] => {
      const values = parameter.initialValues(1).map((value, i) => value + Math.sin(i) / 10);
      return parameter.entries().map(({ name, shape, begin, end }) => ({
        name: `model.${name}`,
        spec: { dtype: "f32", shape },
        data: values.slice(begin, end),
      }));
    });
    const checkpoint = join(folder, "model.safetensors");
    await writeSafetensors(checkpoint, entries, { config: JSON.stringify(config) });
    const vae = join(folder, "vae.safetensors");
    await writeSafetensors(vae, tinyEntries(), TINY_METADATA);
    const png = join(folder, "grid.png");
    await body(async (...flags) => {
      await Deno.remove(png).catch(() => {});
      const fixed = [
        `--checkpoint=${checkpoint}`,
        `--out=${png}`,
        "--device=reference",
        "--n=1",
        "--steps=2",
      ];
      const { value, out, err } = await captured(() => main([...fixed, ...flags]));
      return { code: value, out, err, png: await Deno.readFile(png).catch(() => new Uint8Array()) };
    }, vae);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("`sample --vae` decodes a latent model's images, and names the autoencoder", () =>
  withLatentModel(4, async (sample, vae) => {
    const { code, out, err, png } = await sample(`--vae=${vae}`);
    assertEquals([code, err], [0, ""]);
    assert(/vae: .*vae\.safetensors \(sha256 [0-9a-f]{64}\)/.test(out), out);
    assertStringIncludes(out, "2 images in");
    const { width, height } = decodePng(png, "grid.png");
    // Latents of 8x8 are images of 32x32, drawn four times as large in two rows.
    assert(width > 128 && height > 2 * 128, `${width} x ${height}`);
    assertNotEquals(png, (await sample(`--vae=${vae}`, "--seed=1")).png);
    assertEquals(png, (await sample(`--vae=${vae}`)).png);
  }));

Deno.test("`sample` refuses a latent model without --vae, in one line", () =>
  withLatentModel(4, async (sample) => {
    const { code, err, png } = await sample();
    assertEquals(err, "error: Cannot draw images of 4 channels: latents need a decoder, add --vae FILE\n");
    assertEquals([code, png.length], [1, 0]);
  }));

Deno.test("`sample --vae` refuses an autoencoder of other latents, and a file that is none, in one line", () =>
  withLatentModel(8, async (sample, vae) => {
    const { code, err, png } = await sample(`--vae=${vae}`);
    assertStringIncludes(err, "the checkpoint's model makes 8 channels, it wants 4\n");
    assertEquals([code, png.length, err.trimEnd().split("\n").length], [1, 0, 1]);
    const missing = await sample(`--vae=${vae}.pt`);
    assertStringIncludes(missing.err, `Cannot open ${vae}.pt: `);
    assertEquals([missing.code, missing.err.trimEnd().split("\n").length], [1, 1]);
  }));
