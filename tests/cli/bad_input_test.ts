import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { main as sample } from "../../eval/main.ts";
import { main as info } from "../../train/info.ts";
import { main as train } from "../../train/main.ts";
import { captured } from "../output.ts";
import { tinyFlags, withImages } from "../train/tiny_run.ts";

type Main = (args: readonly string[]) => Promise<number>;

/** Runs a command that must fail: exit code 1, nothing but one line on the error stream, and that line as wanted. */
async function refuses(main: Main, args: readonly string[], wanted: string): Promise<void> {
  const { value: code, err } = await captured(() => main(args));
  assertEquals(code, 1, `${args.join(" ")} must exit 1`);
  assertMatch(err, /^error: [^\n]+\n$/);
  assertStringIncludes(err, wanted);
}

/** Paths of all files below a folder with their sizes. */
async function listing(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) files.push(...await listing(path));
    else files.push(`${path} ${(await Deno.stat(path)).size}`);
  }
  return files.sort();
}

function header(json: string, length = BigInt(json.length), data = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(new TextEncoder().encode(json), 8);
  return bytes;
}

const tensor = (dtype: string, begin: number, end: number) =>
  `{"dtype":"${dtype}","shape":[1],"data_offsets":[${begin},${end}]}`;

const HOSTILE: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "header length 2^60": header("{}", 2n ** 60n),
  "overlapping ranges": header(`{"a":${tensor("F32", 0, 4)},"b":${tensor("F32", 0, 4)}}`, undefined, 8),
  "duplicate names": header(`{"a":${tensor("F32", 0, 4)},"a":${tensor("F32", 4, 8)}}`, undefined, 8),
  "unknown dtype": header(`{"a":${tensor("F99", 0, 4)}}`, undefined, 4),
  "truncated": header(`{"a":${tensor("F32", 0, 4)}}`, undefined, 2),
};

Deno.test("`train` refuses bad input with one line, and writes nothing", () =>
  withImages(async (folder, images) => {
    const out = ["--device=cpu", `--out=${join(folder, "run")}`];
    const flags = [...tinyFlags(images).filter((flag) => !flag.startsWith("--data=")), ...out];
    const empty = await Deno.makeTempDir({ dir: folder });
    await Deno.writeTextFile(join(folder, "file"), "");
    const before = await listing(folder);
    await refuses(train, [...flags, `--data=${join(folder, "missing")}`], "missing");
    await refuses(train, [...flags, `--data=${empty}`], "no");
    await refuses(train, ["--preset=dsmoe-huge"], 'Cannot find preset "dsmoe-huge"');
    await refuses(train, ["--model.detph=4"], "did you mean --model.depth");
    await refuses(train, ["--model.depth=deep"], "model.depth");
    await refuses(train, ["--model.rope_type=3d"], "model.rope_type");
    await refuses(train, ["--optim.lr=-1"], "Cannot use optim.lr -1");
    await refuses(train, ["--steps=0"], "Cannot use --steps 0");
    await refuses(
      train,
      ["--precision=bf16"],
      'Cannot set --train.precision to "bf16": one of "f32", "f16" is wanted',
    );
    await refuses(
      train,
      [...flags, `--data=${images}`, "--precision=f16"],
      "--precision f16 on the cpu device",
    );
    await refuses(train, ["--sptes=1"], "Unknown option --sptes");
    await refuses(train, ["--config=missing.yaml"], "missing.yaml");
    await refuses(train, [`--resume=${empty}`], "it has no checkpoint.safetensors");
    await refuses(train, [`--resume=${join(folder, "nowhere")}`], "it has no checkpoint.safetensors");
    await refuses(train, ["--device=gpu", ...tinyFlags(images)], 'Cannot open device "gpu"');
    await refuses(
      train,
      [...tinyFlags(images), "--device=cpu", `--out=${join(folder, "file", "run")}`],
      "Cannot write to",
    );
    assertEquals(await listing(folder), before.concat(await cacheFiles(folder)).sort());
  }));

/** The decoded data set is cached beside where a command runs; that is not an output of the run. */
async function cacheFiles(folder: string): Promise<string[]> {
  return (await listing(folder)).filter((file) => file.includes(".cache"));
}

Deno.test("`train` names truncated PNG files and goes on, or refuses when too many are broken", () =>
  withImages(async (folder, images) => {
    const [bad, whole] = [join(images, "cold", "3.png"), await Deno.readFile(join(images, "cold", "3.png"))];
    for (let i = 0; i < 30; i++) await Deno.copyFile(bad, join(images, "cold", `more${i}.png`));
    await Deno.writeFile(bad, whole.subarray(0, 60));
    const flags = [...tinyFlags(images), "--device=cpu", "--steps=1", `--out=${join(folder, "run")}`];
    const { value: code, out } = await captured(() => train(flags));
    assertEquals(code, 0);
    assertStringIncludes(out, "1 of 42 files left out");
    assertStringIncludes(out, "3.png");
    for (let i = 0; i < 10; i++) {
      await Deno.writeFile(join(images, "cold", `more${i}.png`), whole.subarray(0, 60));
    }
    await refuses(train, [...tinyFlags(images), "--device=cpu", `--out=${join(folder, "run2")}`], "png");
  }));

Deno.test("`train --resume` refuses a changed configuration and goes on with a longer run", () =>
  withImages(async (folder, images) => {
    const run = join(folder, "run");
    const flags = [...tinyFlags(images), "--device=cpu"];
    assertEquals((await captured(() => train([...flags, "--steps=2", `--out=${run}`]))).value, 0);
    const before = await listing(run);
    await refuses(train, [`--resume=${run}`, "--model.depth=3"], "model.depth 3 (the run has 2)");
    await refuses(train, [`--resume=${run}`, "--optim.lr=0.5"], "optim.lr 0.5");
    await refuses(train, [`--resume=${run}`, "--preset=dsmoe-s-e16"], "another configuration");
    assertEquals(await listing(run), before);
    const { value: code, out } = await captured(() =>
      train([`--resume=${run}`, "--steps=4", "--device=cpu"])
    );
    assertEquals(code, 0, out);
    assertStringIncludes(out, "4 steps");
  }));

Deno.test("`sample` refuses bad input with one line, and leaves an existing picture alone", () =>
  withImages(async (folder, images) => {
    const run = join(folder, "run");
    assertEquals(
      (await captured(() => train([...tinyFlags(images), "--device=cpu", "--steps=1", `--out=${run}`])))
        .value,
      0,
    );
    const checkpoint = `--checkpoint=${join(run, "checkpoint.safetensors")}`;
    const picture = join(folder, "old.png");
    await Deno.writeTextFile(picture, "a picture");
    const flags = ["--device=cpu", `--out=${picture}`];
    await refuses(sample, flags, "--checkpoint FILE is missing");
    await refuses(sample, [...flags, `--checkpoint=${join(folder, "none")}`], "Cannot open");
    for (const [name, bytes] of Object.entries(HOSTILE)) {
      const path = join(folder, `${name}.safetensors`);
      await Deno.writeFile(path, bytes);
      await refuses(sample, [...flags, `--checkpoint=${path}`], name);
    }
    await refuses(sample, [...flags, checkpoint, "--classes=0,7"], "Cannot sample class 7");
    await refuses(sample, [...flags, checkpoint, "--classes=zero"], "--classes zero");
    await refuses(sample, [...flags, checkpoint, "--sampler=magic"], 'Cannot sample with "magic"');
    await refuses(sample, [...flags, checkpoint, "--steps=0"], "--steps 0");
    await refuses(sample, [checkpoint, `--out=${join(folder, "none", "x.png")}`], "Cannot write");
    assertEquals(await Deno.readTextFile(picture), "a picture");
  }));

Deno.test("`info` refuses unknown presets and fields", async () => {
  await refuses(info, ["--preset=nano"], 'Cannot find preset "nano"');
  await refuses(info, ["--model.hidden=4"], "--model.hidden");
});
