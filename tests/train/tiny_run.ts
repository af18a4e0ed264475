import { join } from "@std/path";
import type { Device } from "../../engine/device/device.ts";
import { encodePng } from "../../eval/mod.ts";
import { Philox } from "../../engine/core/random.ts";
import type { DsmoeConfig } from "../../models/dsmoe/config.ts";
import { type TrainConfig, trainConfigOf, type TrainSections } from "../../train/config.ts";
import { openDataset } from "../../train/dataset/mod.ts";
import { Trainer } from "../../train/loop.ts";
import { createModel } from "../../models/create.ts";
import { train, type TrainOptions, type TrainResult } from "../../train/run.ts";

const SIDE = 8;

/** A folder with two classes of small PNG files, made of random colours. */
export async function makeImages(folder: string): Promise<string> {
  for (const [c, name] of ["cold", "warm"].entries()) {
    const own = join(folder, name);
    await Deno.mkdir(own, { recursive: true });
    for (let i = 0; i < 6; i++) {
      const random = new Philox(7, c, i).integers(4 * SIDE * SIDE, 128);
      const rgba = Uint8Array.from(random, (value, k) => k % 4 === 3 ? 255 : value + 100 * c);
      await Deno.writeFile(join(own, `${i}.png`), await encodePng({ width: SIDE, height: SIDE, rgba }));
    }
  }
  return folder;
}

/** A training configuration of a DSMoE. */
export type DsmoeTrainConfig = DsmoeConfig & TrainSections;

/** A DSMoE that takes milliseconds a step, on images of 8x8. */
export function tinyConfig(images: string, changes: Partial<DsmoeTrainConfig> = {}): DsmoeTrainConfig {
  const nano = trainConfigOf("dsmoe-nano") as DsmoeTrainConfig;
  return {
    ...nano,
    model: {
      ...nano.model,
      input_size: SIDE,
      patch_size: 2,
      hidden_size: 16,
      depth: 2,
      num_heads: 2,
      num_classes: 2,
    },
    moe: { ...nano.moe, num_experts: 4, moe_intermediate_size: 16 },
    train: { ...nano.train, steps: 8, batch_size: 4, log_every: 2, checkpoint_every: 3, preview_every: 0 },
    data: { source: images, flip: true },
    ...changes,
  };
}

/** The same configuration as options of `deno task train`. */
export function tinyFlags(images: string): string[] {
  const { model, moe, train } = tinyConfig(images);
  const fields = (section: string, values: object, names: readonly string[]) =>
    names.map((name) => `--${section}.${name}=${(values as Record<string, unknown>)[name]}`);
  return [
    `--data=${images}`,
    "--data.flip=true",
    ...fields("model", model, ["input_size", "patch_size", "hidden_size", "depth", "num_heads"]),
    ...fields("moe", moe, ["num_experts", "moe_intermediate_size"]),
    ...fields("train", train, ["batch_size", "log_every", "checkpoint_every", "preview_every"]),
  ];
}

/** Trains a configuration in process. */
export async function runTiny(
  device: Device,
  config: TrainConfig,
  out: string,
  options: Partial<TrainOptions> = {},
): Promise<TrainResult> {
  const dataset = await openDataset({
    data: config.data.source,
    imageSize: SIDE,
    cacheDirectory: join(config.data.source, "..", "cache"),
  });
  return await train({ device, config, dataset, out, ...options });
}

/** A trainer at its first step, with its average begun. */
export async function tinyTrainer(
  device: Device,
  folder: string,
  config: DsmoeTrainConfig,
): Promise<Trainer> {
  const dataset = await openDataset({
    data: config.data.source,
    imageSize: SIDE,
    cacheDirectory: join(folder, "cache"),
  });
  const model = createModel(config);
  model.params.allocate(device);
  model.params.initialize(0);
  const trainer = await Trainer.create(device, model, dataset, config);
  trainer.step.optimizer.startEma();
  return trainer;
}

/** Runs `body` in a temporary folder that holds the images, with that folder as the working folder. */
export async function withImages(body: (folder: string, images: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tessera-train-" });
  const home = Deno.cwd();
  try {
    Deno.chdir(folder);
    await body(folder, await makeImages(join(folder, "images")));
  } finally {
    Deno.chdir(home);
    await Deno.remove(folder, { recursive: true });
  }
}
