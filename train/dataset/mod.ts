/**
 * Labelled images for training: the emoji, a folder of one's own, or latents of one.
 *
 * @module
 */
export { type Seed } from "../../engine/core/random.ts";
export {
  type Batch,
  type BatchOptions,
  DATA_STREAM,
  LATENT_STREAM,
  sampleBatch,
  type TrainingDataset,
} from "./batch.ts";
export { type ImageDataset, loadSource, openDataset, type OpenDatasetOptions } from "./dataset.ts";
export { type DecodeProgress, type SkippedFiles } from "./decode.ts";
export { EMOJI_CLASS_NAMES, emojiSource } from "./emoji.ts";
export { folderSource } from "./folder.ts";
export { type LatentIndex, type LatentShard } from "./latent_index.ts";
export { LatentDataset } from "./latents.ts";
export { compositeOnWhite, fitImage } from "./resize.ts";
export { type ImageFile, type ImageSource } from "./source.ts";
