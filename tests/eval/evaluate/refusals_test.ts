import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { writeNpz } from "../../../eval/mod.ts";
import { main as evaluate } from "../../../eval/evaluate/main.ts";
import { main as statistics } from "../../../eval/statistics/main.ts";
import { captured } from "../../output.ts";
import { openFakeFeatures } from "./fake_judge.ts";
import { baseFlags, evaluateFake, withWorkplace } from "./fixture.ts";

const NUMPY = fromFileUrl(new URL("../../../../shared/parity/numpy/", import.meta.url));

/** Paths of all files below a folder with their sizes. */
async function listing(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) files.push(`${path}/`, ...await listing(path));
    else files.push(`${path} ${(await Deno.stat(path)).size}`);
  }
  return files.sort();
}

async function requireRefusal(args: readonly string[], wanted: string): Promise<void> {
  const { code, err } = await evaluateFake(...args);
  assertEquals(code, 1, `${args.join(" ")} must exit 1`);
  assertMatch(err, /^error: [^\n]+\n$/);
  assertStringIncludes(err, wanted);
}

Deno.test("`evaluate` refuses bad input with one line, and writes nothing", () =>
  withWorkplace(async (place) => {
    const { checkpoint, reference, images } = place;
    const base = [...baseFlags(place), "--num=4", "--out=result"];
    const plain = [`--reference=${reference}`, "--inception=none", "--device=reference", "--out=result"];
    await Deno.mkdir("broken");
    await Deno.writeFile(
      join("broken", "a.png"),
      (await Deno.readFile(join(images, "cold", "3.png"))).subarray(0, 60),
    );
    await Deno.mkdir("empty");
    await writeNpz("images.npz", new Map([["arr_0", { shape: [2, 8, 8], data: new Uint8Array(128) }]]));
    const mu = { shape: [3], data: new Float64Array(3) };
    await writeNpz(
      "other.npz",
      new Map([["mu", mu], ["sigma", { shape: [3, 3], data: new Float64Array(9) }]]),
    );
    const before = await listing(place.folder);
    await requireRefusal(plain, "one of --checkpoint FILE and --images PATH is wanted, got none");
    await requireRefusal([...base, `--images=${images}`], "got both");
    await requireRefusal([`--checkpoint=${checkpoint}`, "--inception=none"], "--reference is missing");
    await requireRefusal([...base, "--self"], "--reference has no place beside --self");
    await requireRefusal([...base, "--data=x"], "--data is the data set of --self");
    await requireRefusal([...plain, "--checkpoint=none.safetensors"], "none.safetensors");
    await requireRefusal([...base, "--reference=none.npz"], "none.npz");
    await requireRefusal(
      [...base, "--reference=other.npz"],
      "wanted statistics of the 6 features of random-projection-v1, got 3",
    );
    await requireRefusal(
      [...base, "--preprocessing=torch-fidelity"],
      "wanted images prepared by --preprocessing torch-fidelity, got pytorch-fid",
    );
    await requireRefusal(
      [...base, "--preprocessing=tf"],
      "Cannot use --preprocessing tf: wanted one of pytorch-fid, torch-fidelity",
    );
    await requireRefusal([...base, "--vae=vae.pt"], "Cannot use --vae vae.pt: the model samples pixels");
    await requireRefusal([...base, "--ema=2"], "it has no second average");
    await requireRefusal([...base, "--ema=3"], "Cannot use --ema 3");
    await requireRefusal([...base, "--num=1"], "Cannot use --num 1");
    await requireRefusal([...base, "--sampler=magic"], "Cannot use --sampler magic");
    await requireRefusal([...base, "--labels=some"], "Cannot use --labels some");
    await requireRefusal([...base, "--interval=1,0"], "Cannot guide from 1 to 0");
    await requireRefusal([...base, "cfg=1"], 'Cannot use "cfg=1"');
    for (
      const [list, wanted] of [["cfg", "Cannot sweep cfg:"], ["cfg=1,x", '"x" is no value of --cfg'], [
        "num=1",
        "with a name of cfg, ema",
      ]]
    ) {
      await requireRefusal([...base, "--sweep", list], wanted);
    }
    await requireRefusal([...base, "--sweep", "ema=0,2"], "it has no second average");
    await requireRefusal([...base, "--sweep", "ema=0", "ema=1"], "Cannot sweep ema twice");
    await requireRefusal([...plain, "--images=nowhere"], "nowhere");
    await requireRefusal([...plain, "--images=empty"], "PNG files wanted, got none");
    await requireRefusal([...plain, "--images=broken"], "a.png");
    await requireRefusal([...plain, "--images=images.npz"], "u8[N, H, W, 3] wanted, got u1[2, 8, 8]");
    await requireRefusal(
      [...plain, `--images=${checkpoint}`],
      "a folder of PNG files or an .npz file wanted",
    );
    await requireRefusal([...plain, `--images=${images}`, "--cfg=1"], "--cfg has no effect on --images");
    await requireRefusal([...plain, `--images=${images}`, "--num=13"], "it has 12");
    assertEquals(await listing(place.folder), before);
    await requireRefusal([...base, `--out=${reference}`], "Cannot write to");
  }));

Deno.test({
  name: "`evaluate` refuses every broken NumPy file as a reference with one line, and writes nothing",
  ignore: !await Deno.stat(NUMPY).then(() => true, () => false),
  fn: () =>
    withWorkplace(async (place) => {
      const names = await Array.fromAsync(Deno.readDir(NUMPY), ({ name }) => name);
      const bad = names.filter((name) => /^(?:broken|hostile)_.*\.np[yz]$/.test(name));
      assert(bad.length >= 18, `${bad.length} files`);
      const before = await listing(place.folder);
      for (const name of bad) {
        const path = join(NUMPY, name);
        await requireRefusal([...baseFlags(place), "--num=4", "--out=result", `--reference=${path}`], name);
        await requireRefusal([
          "--inception=none",
          `--reference=${place.reference}`,
          "--device=reference",
          "--out=result",
          `--images=${path}`,
        ], name);
      }
      assertEquals(await listing(place.folder), before);
    }),
});

Deno.test("`evaluate` refuses an image of another size in a folder, and weights that are no Inception", () =>
  withWorkplace(async ({ images, reference, checkpoint }) => {
    const { main } = await import("../../../eval/main.ts");
    const grid = join(images, "warm", "9.png");
    assertEquals(
      (await captured(() =>
        main([`--checkpoint=${checkpoint}`, `--out=${grid}`, "--device=reference", "--n=1", "--steps=1"])
      )).value,
      0,
    );
    const flags = [`--images=${images}`, `--reference=${reference}`, "--device=reference", "--out=result"];
    await requireRefusal([...flags, "--inception=none"], `warm/9.png": 8 x 8 wanted as in cold/0.png`);
    await Deno.remove(grid);
    for (const weights of [checkpoint, "none.pt"]) {
      const { value, err } = await captured(() =>
        evaluate([...flags, "--out=fresh", `--inception=${weights}`])
      );
      assertEquals(value, 1);
      assertMatch(err, /^error: [^\n]+\n$/);
      assertStringIncludes(err, weights);
    }
    assertEquals(await Deno.stat("fresh").then(() => true, () => false), false);
  }));

Deno.test("`statistics` refuses bad input with one line, and writes nothing", () =>
  withWorkplace(async ({ folder, images }) => {
    const before = await listing(folder);
    const refuse = async (args: readonly string[], wanted: string) => {
      const { value, err } = await captured(() =>
        statistics([...args, "--device=reference"], openFakeFeatures)
      );
      assertEquals(value, 1);
      assertMatch(err, /^error: [^\n]+\n$/);
      assertStringIncludes(err, wanted);
    };
    await refuse([], "one folder or .npz file wanted");
    await refuse([images, "--out=x.npz"], "--inception is missing");
    await refuse([images, "--inception=none"], "--out is missing");
    await refuse([join(images, "none"), "--inception=none", "--out=x.npz"], "none");
    await refuse([images, "--inception=none", "--out=none/x.npz"], "Cannot write none/x.npz");
    await refuse([images, "--inception=none", "--out=x.npz", "--preprocessing=tf"], "--preprocessing tf");
    assertEquals(await listing(folder), before);
  }));
