import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openDevice } from "../../engine/device/open.ts";
import { main } from "../../eval/main.ts";
import { captured } from "../output.ts";
import { runTiny, tinyConfig, withImages } from "../train/tiny_run.ts";

/** Trains a tiny model with two averages, and samples from it by command. */
async function withCheckpoint(
  body: (
    sample: (...flags: string[]) => Promise<{ out: string; err: string; png: Uint8Array }>,
  ) => Promise<void>,
  second = 0.5,
): Promise<void> {
  await withImages(async (folder, images) => {
    const config = tinyConfig(images);
    const optim = { ...config.optim, ema_decay: 0.9, ema_decay2: second, ema_buffers: false };
    using device = await openDevice("reference");
    const { checkpoint } = await runTiny(device, { ...config, optim }, join(folder, "run"));
    await body(async (...flags) => {
      const png = join(folder, "grid.png");
      await Deno.remove(png).catch(() => {});
      const fixed = [
        `--checkpoint=${checkpoint}`,
        `--out=${png}`,
        "--device=reference",
        "--n=1",
        "--steps=3",
      ];
      const { out, err } = await captured(() => main([...fixed, ...flags]));
      return { out, err, png: await Deno.readFile(png).catch(() => new Uint8Array()) };
    });
  });
}

Deno.test("`sample --weights` takes either average or the last weights", () =>
  withCheckpoint(async (sample) => {
    const grids: Uint8Array[] = [];
    for (const name of ["ema", "ema2", "last"]) {
      const { err, png } = await sample(`--weights=${name}`);
      assertEquals(err, "");
      grids.push(png);
    }
    assert(grids.every((png) => png.length > 0));
    assertNotEquals(grids[0], grids[1]);
    assertNotEquals(grids[1], grids[2]);
    const { err } = await sample("--weights=best");
    assertStringIncludes(err, "Cannot use --weights best: wanted one of ema, ema2, last");
  }));

Deno.test("`sample --weights ema2` refuses a checkpoint that has no second average", () =>
  withCheckpoint(async (sample) => {
    const { err } = await sample("--weights=ema2");
    assertStringIncludes(err, "it has no second average");
  }, 0));

Deno.test("`sample` reports evaluations, and takes an interval for guidance", () =>
  withCheckpoint(async (sample) => {
    const heun = await sample("--sampler=heun");
    assertStringIncludes(heun.out, "6 evaluations of the velocity");
    const inside = await sample("--sampler=heun", "--cfg=4", "--interval=0.1,0.5");
    assertNotEquals(inside.png, (await sample("--sampler=heun", "--cfg=4")).png);
    const adaptive = await sample("--sampler=dopri5", "--interval=0.1,1");
    assert(/\d\d evaluations/.test(adaptive.out), adaptive.out);
    for (const wrong of ["1", "a,b", "0.1,", "0,1,2"]) {
      const { err } = await sample(`--interval=${wrong}`);
      assertStringIncludes(err, "wanted two times from 0 to 1, as in 0.1,1");
    }
  }));

Deno.test("`sample --divergence` writes the routing divergence of every step and layer", () =>
  withCheckpoint(async (sample) => {
    const file = await Deno.makeTempFile({ suffix: ".json" });
    try {
      const { out, err } = await sample(`--divergence=${file}`);
      assertEquals(err, "");
      assertStringIncludes(out, "routing divergence of blocks.1.mlp: ");
      const { layers, steps } = JSON.parse(await Deno.readTextFile(file));
      assertEquals(layers, ["blocks.1.mlp"]);
      assertEquals(steps.map(({ t }: { t: number }) => t), [0, 1 / 3, 2 / 3]);
    } finally {
      await Deno.remove(file);
    }
  }));
