import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sha256OfFile } from "../../../engine/checkpoint/file_digest.ts";
import { openSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { openDevice } from "../../../engine/device/open.ts";
import { readPng } from "../../../eval/mod.ts";
import { LatentCodec, openAutoencoder } from "../../../models/autoencoder_kl/mod.ts";
import { LATENT_STREAM, LatentDataset, sampleBatch } from "../../../train/dataset/mod.ts";
import { main as encode } from "../../../train/encode/main.ts";
import { main as train } from "../../../train/main.ts";
import { available } from "../../devices.ts";
import { evaluateFake, makeStatistics, reportOf } from "../../eval/evaluate/fixture.ts";
import { captured } from "../../output.ts";
import { tinyFlags, withImages } from "../tiny_run.ts";
import { TINY_VAE, writeTinyVae } from "./tiny_vae.ts";

const LATENT = 2 * 4 * 4;

interface Place {
  readonly folder: string;
  readonly images: string;
  readonly vae: string;
  /** Runs `encode` into `latents`, five images a shard. */
  run(...flags: readonly string[]): Promise<{ value: number; out: string; err: string }>;
}

/** Runs `body` beside twelve images of 8 x 8 and a tiny autoencoder. */
async function withPlace(body: (place: Place) => Promise<void>): Promise<void> {
  await withImages(async (folder, images) => {
    using device = await openDevice("reference");
    const vae = await writeTinyVae(device, folder);
    const own = [
      images,
      `--vae=${vae}`,
      "--out=latents",
      "--size=8",
      "--shard=5",
      "--batch=3",
      "--device=reference",
    ];
    await body({ folder, images, vae, run: (...flags) => captured(() => encode([...own, ...flags])) });
  });
}

/** Moments of one file, computed by the autoencoder alone. */
async function momentsOf(vae: string, path: string, mirrored: boolean): Promise<Float32Array<ArrayBuffer>> {
  const { rgba } = await readPng(path);
  const pixels = Float32Array.from({ length: 3 * 64 }, (_, i) => {
    const [channel, row, column] = [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8];
    return rgba[(row * 8 + (mirrored ? 7 - column : column)) * 4 + channel] / 127.5 - 1;
  });
  using device = await openDevice("reference");
  using opened = await openAutoencoder(device, vae);
  using codec = await LatentCodec.create(device, opened.model, { batch: 1, height: 8, width: 8 });
  const { mean, logvar } = await codec.encode(pixels);
  return Float32Array.of(...mean, ...logvar);
}

Deno.test("`encode` writes the moments of every image, as it is and mirrored, with an index that says whose they are", () =>
  withPlace(async ({ images, vae, run }) => {
    const { value, out, err } = await run();
    assertEquals([value, err], [0, ""]);
    assertStringIncludes(out, "12 images as latents of 2 x 4 x 4 in 3 files of latents");
    const index = JSON.parse(await Deno.readTextFile(join("latents", "index.json")));
    assertEquals([index.format, index.count, index.latent], ["tessera-latents-1", 12, [2, 4, 4]]);
    assertEquals([index.class_names, index.class_counts], [["cold", "warm"], [6, 6]]);
    assertEquals(index.vae, { file: "vae1.safetensors", sha256: await sha256OfFile(vae) });
    assertEquals([index.scaling_factor, index.size, index.skipped], [TINY_VAE.scaling_factor, 8, 0]);
    for (const { file, sha256 } of index.shards) {
      assertEquals(await sha256OfFile(join("latents", file)), sha256);
    }
    using shard = await openSafetensors(join("latents", index.shards[1].file));
    assertEquals(shard.tensors.get("moments")!.shape, [5, 2, 4, 4, 4]);
    assertEquals([...await shard.read("labels")], [0, 1, 1, 1, 1]);
    const moments = await shard.read("moments");
    // Image 7 of all is the second of class "warm", and the third of this shard.
    for (const mirrored of [false, true]) {
      const begin = (2 * 2 + (mirrored ? 1 : 0)) * 2 * LATENT;
      const wanted = await momentsOf(vae, join(images, "warm", "1.png"), mirrored);
      assertEquals(moments.subarray(begin, begin + 2 * LATENT), wanted);
    }
  }));

Deno.test("`sampleBatch()` samples latents by seed and step, mirrored or not, times the scaling factor", () =>
  withPlace(async ({ run }) => {
    assertEquals((await run()).value, 0);
    using dataset = await LatentDataset.open("latents");
    assertEquals([dataset.count, dataset.channels, dataset.imageSize], [12, 2, 4]);
    const options = { seed: 3, step: 5, batchSize: 8, flip: true };
    const { x, y, indices } = sampleBatch(dataset, options);
    assertEquals(sampleBatch(dataset, options).x, x);
    assertNotEquals(sampleBatch(dataset, { ...options, step: 6 }).x, x);
    const moments = new Float32Array(12 * 4 * LATENT);
    for (const [s, { file }] of dataset.index.shards.entries()) {
      using shard = await openSafetensors(join("latents", file));
      moments.set(await shard.read("moments") as Float32Array, s * 5 * 4 * LATENT);
    }
    const noise = new Philox(3, LATENT_STREAM, 5).normals(8 * LATENT);
    const found = new Set<number>();
    indices.forEach((position, i) => {
      assertEquals(y[i], position < 6 ? 0 : 1);
      const sampled = (mirrored: number) =>
        Float32Array.from({ length: LATENT }, (_, k) => {
          const at = (2 * position + mirrored) * 2 * LATENT + k;
          return (moments[at] + Math.exp(moments[at + LATENT] / 2) * noise[i * LATENT + k]) * 0.5;
        });
      const own = x.subarray(i * LATENT, (i + 1) * LATENT);
      const mirrored = [0, 1].filter((which) => sampled(which).every((value, k) => value === own[k]));
      assertEquals(mirrored.length, 1);
      found.add(mirrored[0]);
    });
    assertEquals(found.size, 2);
    const plain = sampleBatch(dataset, { ...options, flip: false });
    assertEquals(plain.indices, indices);
    assertNotEquals(plain.x, x);
  }));

Deno.test("`encode` goes on after a stop to the same files, and refuses another setting", () =>
  withPlace(async ({ folder, run }) => {
    assertEquals((await run()).value, 0);
    const names = [
      "latents-00000.safetensors",
      "latents-00001.safetensors",
      "latents-00002.safetensors",
      "index.json",
    ];
    const bytes = () => Promise.all(names.map((name) => Deno.readFile(join("latents", name))));
    const before = await bytes();
    // What a stop in the second shard leaves.
    for (const name of names.slice(1)) await Deno.remove(join("latents", name));
    await Deno.writeTextFile(join("latents", `${names[1]}.tmp`), "half");
    const kept = (await Deno.stat(join("latents", names[0]))).mtime;
    assertEquals((await run()).err, "");
    assertEquals(await bytes(), before);
    assertEquals((await Deno.stat(join("latents", names[0]))).mtime, kept);
    using device = await openDevice("reference");
    const other = await writeTinyVae(device, folder, 2);
    for (
      const [flag, wanted] of [[`--vae=${other}`, "--vae is "], [
        "--shard=4",
        "--shard is 4, the shards there have 5",
      ]]
    ) {
      const { value, err } = await run(flag);
      assertEquals(value, 1);
      assertMatch(err, /^error: Cannot continue the latents of latents with another setting: [^\n]+\n$/);
      assertStringIncludes(err, wanted);
    }
    assertEquals(await bytes(), before);
    assertEquals((await run(`--vae=${other}`, "--restart")).err, "");
    assertNotEquals(await bytes(), before);
  }));

/** Options of a tiny model of the tiny autoencoder's latents. */
function latentFlags(out: string): string[] {
  const own = tinyFlags("latents").filter((flag) => !flag.startsWith("--model.input_size"));
  return [
    ...own,
    "--model.input_size=4",
    "--model.in_channels=2",
    "--device=cpu",
    "--steps=4",
    `--out=${out}`,
  ];
}

Deno.test({
  name: "`train --data` takes latents and resumes bit-equal, and `evaluate` decodes what it learned [cpu]",
  ignore: !available.cpu,
  fn: () =>
    withPlace(async ({ images, vae, run }) => {
      assertEquals((await run()).value, 0);
      const whole = await captured(() => train(latentFlags("whole")));
      assertEquals([whole.value, whole.err], [0, ""]);
      assertStringIncludes(whole.out, "12 images of 2 classes from latents");
      const half = latentFlags("halved").map((flag) => flag === "--steps=4" ? "--steps=2" : flag);
      assertEquals((await captured(() => train(half))).err, "");
      assertEquals(
        (await captured(() => train(["--resume=halved", "--steps=4", "--device=cpu"]))).err,
        "",
      );
      const bytes = (name: string) => Deno.readFile(join(name, "checkpoint.safetensors"));
      const [one, other] = [await bytes("whole"), await bytes("halved")];
      assertEquals(other, one);
      const log = await Deno.readTextFile(join("whole", "metrics.jsonl"));
      assert(JSON.parse(log.trim().split("\n").at(-1)!).loss > 0);
      await makeStatistics(images, "stats.npz");
      const checkpoint = `--checkpoint=${join("whole", "checkpoint.safetensors")}`;
      const flags = [
        checkpoint,
        "--reference=stats.npz",
        "--inception=none",
        "--num=5",
        "--steps=2",
        "--out=scored",
      ];
      const missing = await evaluateFake(...flags);
      assertStringIncludes(missing.err, "Cannot make images of latents of 2 x 4 x 4: --vae FILE is missing");
      assertEquals((await evaluateFake(...flags, `--vae=${vae}`, "--batch=3", "--device=cpu")).err, "");
      const { images: { height, width }, settings } = await reportOf("scored");
      assertEquals([height, width, settings["--vae"]], [8, 8, await sha256OfFile(vae)]);
    }),
});

Deno.test("`train` refuses images for a model of latents, and latents for a model of pixels, and names what to do", () =>
  withPlace(async ({ images, run }) => {
    assertEquals((await run()).value, 0);
    const refuse = async (args: readonly string[], ...wanted: readonly string[]) => {
      const { value, err } = await captured(() => train([...args, "--out=refused", "--device=reference"]));
      assertEquals(value, 1);
      assertMatch(err, /^error: [^\n]+\n$/);
      for (const text of wanted) assertStringIncludes(err, text);
    };
    await refuse(
      ["--preset=dsmoe-s-e16", `--data=${images}`],
      "model.in_channels 4",
      "deno task encode DIR --vae FILE",
    );
    await refuse(["--preset=dsmoe-s-e16"], "the images of emoji", "deno task encode DIR --vae FILE");
    await refuse(["--preset=jit-nano", "--data=latents"], "they are 2 x 4 x 4", "the folder of images");
    await refuse(["--preset=dsmoe-s-e16", "--data=latents"], "they are 2 x 4 x 4");
    assertEquals(await Deno.stat("refused").then(() => true, () => false), false);
  }));

Deno.test("`LatentDataset.open()` refuses an index and shards that are broken", () =>
  withPlace(async ({ run }) => {
    assertEquals((await run()).value, 0);
    const path = join("latents", "index.json");
    const whole = JSON.parse(await Deno.readTextFile(path));
    const refusal = async () => {
      const error = await LatentDataset.open("latents").then(() => undefined, (error: Error) => error);
      assert(error !== undefined);
      return error.message;
    };
    const changes: [object, string][] = [
      [{ format: "other" }, "wanted format tessera-latents-1, got other"],
      [{ latent: [2, 4] }, '"latent" is broken'],
      [{ latent: [3, 4, 4] }, '"moments" F32 [N, 2, 6, 4, 4]'],
      [{ scaling_factor: 0 }, '"scaling_factor" is broken'],
      [{ count: 13 }, "its shards hold 12 images, wanted 13"],
      [{ class_counts: [5, 7] }, "the index wants 5 images of class 0, got 6"],
      [{ shards: [{ file: "../x", count: 12 }] }, "its shards are broken"],
      [{ shards: [{ file: "none", count: 12, sha256: "" }] }, "none"],
    ];
    for (const [change, wanted] of changes) {
      await Deno.writeTextFile(path, JSON.stringify({ ...whole, ...change }));
      assertStringIncludes(await refusal(), wanted);
    }
    await Deno.writeTextFile(path, "{");
    assertStringIncludes(await refusal(), "Cannot read the latents");
    await Deno.writeTextFile(path, JSON.stringify(whole));
    const shard = join("latents", whole.shards[2].file);
    await Deno.truncate(shard, (await Deno.stat(shard)).size - 4);
    assertStringIncludes(await refusal(), whole.shards[2].file);
  }));

Deno.test("`encode` leaves out broken files, and refuses bad input with one line", () =>
  withPlace(async ({ images, vae, run }) => {
    const bad = join(images, "cold", "3.png");
    const whole = await Deno.readFile(bad);
    await Deno.writeFile(bad, whole.subarray(0, 60));
    const left = await run();
    assertEquals([left.value, left.err], [0, ""]);
    assertStringIncludes(left.out, "left out as broken: ");
    assertEquals(JSON.parse(await Deno.readTextFile(join("latents", "index.json"))).class_counts, [5, 6]);
    await Deno.writeFile(join(images, "cold", "4.png"), whole.subarray(0, 60));
    const many = await run("--restart");
    assertEquals(many.value, 1);
    assertStringIncludes(many.err, "at most 10% of the files may be broken, got 2 of 12");
    await Deno.remove("latents", { recursive: true });
    for (
      const [args, wanted] of [
        [[], "Cannot encode nothing: wanted one folder of images"],
        [[images], "--vae is missing"],
        [[images, `--vae=${vae}`], "--out is missing"],
        [["nowhere", `--vae=${vae}`, "--out=latents"], "nowhere"],
        [[images, "--vae=none.pt", "--out=latents"], "none.pt"],
        [[images, `--vae=${bad}`, "--out=latents"], "3.png"],
        [[images, `--vae=${vae}`, "--out=latents", "--size=9"], "9 x 9"],
      ] as const
    ) {
      const { value, err } = await captured(() => encode([...args, "--device=reference"]));
      assertEquals(value, 1);
      assertMatch(err, /^error: [^\n]+\n$/);
      assertStringIncludes(err, wanted);
    }
    assertEquals(await Deno.stat("latents").then(() => true, () => false), false);
  }));
