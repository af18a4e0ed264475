/**
 * Labelled images for training: the emoji, or a folder of one's own.
 *
 * @module
 */
export { type Seed } from "../../engine/core/random.ts";
export { type Batch, type BatchOptions, DATA_STREAM, sampleBatch } from "./batch.ts";
export { type ImageDataset, loadSource, openDataset, type OpenDatasetOptions } from "./dataset.ts";
export { type DecodeProgress, type SkippedFiles } from "./decode.ts";
export { EMOJI_CLASS_NAMES, emojiSource } from "./emoji.ts";
export { folderSource } from "./folder.ts";
export { type ImageFile, type ImageSource } from "./source.ts";
