import { ConfigError } from "../engine/core/errors.ts";
import type { TrainConfig } from "./config.ts";
import { isLatentFolder } from "./dataset/latent_index.ts";
import { LatentDataset, openDataset, type TrainingDataset } from "./dataset/mod.ts";

/** What may be told while images are decoded. */
export interface SourceCallbacks {
  /** Called after each decoded file. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Given one line when files were left out. */
  readonly onWarning?: (line: string) => void;
}

const COLOUR_CHANNELS = 3;

/**
 * Opens what `data.source` names: the emoji, a folder of images, or one of latents that `deno task encode` wrote.
 *
 * @throws {DataError} when it is missing or broken
 * @throws {ConfigError} when the model takes another kind or size of data
 */
export async function openTrainingSource(
  config: TrainConfig,
  callbacks: SourceCallbacks = {},
): Promise<TrainingDataset> {
  const { in_channels: channels, input_size: size } = config.model;
  const { source } = config.data;
  if (source !== "emoji" && await isLatentFolder(source)) return await openLatents(source, config);
  if (channels !== COLOUR_CHANNELS) {
    throw new ConfigError(
      `Cannot train on the images of ${source} with model.in_channels ${channels}: wanted latents, made by ` +
        `deno task encode DIR --vae FILE --out SHARDS and given as --data SHARDS, or --model.in_channels=3 for pixels`,
    );
  }
  return await openDataset({ data: source === "emoji" ? undefined : source, imageSize: size, ...callbacks });
}

async function openLatents(source: string, config: TrainConfig): Promise<LatentDataset> {
  const { in_channels: channels, input_size: size } = config.model;
  const dataset = await LatentDataset.open(source);
  if (channels === dataset.channels && size === dataset.imageSize) return dataset;
  dataset[Symbol.dispose]();
  const [own, side] = dataset.index.latent;
  throw new ConfigError(
    `Cannot train on the latents of ${source} with model.in_channels ${channels} and model.input_size ${size}: they ` +
      `are ${own} x ${side} x ${side}, wanted a latent preset such as dsmoe-s-e16, or for a model of pixels the ` +
      "folder of images that deno task encode read",
  );
}
