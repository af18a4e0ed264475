/**
 * A small classifier that is trained on the data set in use, for evaluation where no published weights can be had.
 * Its figures compare models of one data set with each other, and with nothing that is published. See README.md.
 *
 * @module
 */
import { join } from "@std/path";
import { CheckpointError } from "../../engine/core/errors.ts";
import type { Seed } from "../../engine/core/random.ts";
import type { Device } from "../../engine/device/device.ts";
import type { FeatureNetwork } from "../features.ts";
import type { ClassifierData } from "./data.ts";
import { createClassifierExtractor } from "./extractor.ts";
import { type ClassifierOrigin, digestOf, loadClassifier, saveClassifier } from "./file.ts";
import { CLASSIFIER_NAME, CLASSIFIER_POOL_SIZE } from "./network.ts";
import { type ClassifierProgress, trainClassifier, type TrainedClassifier } from "./train.ts";

export type { ClassifierData } from "./data.ts";
export {
  CLASSIFIER_NAME,
  CLASSIFIER_POOL_SIZE,
  ClassifierNetwork,
  type ClassifierOutputs,
} from "./network.ts";
export {
  type ClassifierProgress,
  type ClassifierTraining,
  trainClassifier,
  type TrainedClassifier,
} from "./train.ts";

/** Which classifier to open. */
export interface ClassifierOptions {
  /** The data set: what `openDataset()` of `train` gives. */
  readonly data: ClassifierData;
  /** Images of one pass of `extract`; 64 unless given. */
  readonly batch?: number;
  /** Seed of the training; 0 unless given. */
  readonly seed?: Seed;
  /** Folder of the weights, once trained; `.cache` in the working folder unless given. */
  readonly cacheDirectory?: string;
  /** Called while a classifier is trained; never called when the weights were there. */
  readonly onProgress?: (progress: ClassifierProgress) => void;
}

/** A classifier that is ready to see images of the data set's size. */
export interface OpenClassifier extends FeatureNetwork {
  /** Part of the images that were held out which it names right. */
  readonly accuracy: number;
  /** Images that were held out. */
  readonly heldOut: number;
  /** Where the weights are. */
  readonly path: string;
  /** Whether it was trained just now. */
  readonly trained: boolean;
}

/**
 * Opens the classifier of a data set and a seed: from the cache where it is whole, and otherwise by training it, which
 * takes minutes, and writing the cache.
 *
 * @throws {DataError} when a class has fewer than two images
 * @throws {CheckpointError} when the cache cannot be written
 * @throws {NonFiniteError} when training fails
 */
export async function openClassifier(device: Device, options: ClassifierOptions): Promise<OpenClassifier> {
  const { data, batch = 64, seed = 0, cacheDirectory = ".cache", onProgress } = options;
  const { digest, imageSize, classNames } = data;
  const origin: ClassifierOrigin = { digest, seed, classes: classNames.length, imageSize };
  const path = join(
    cacheDirectory,
    `${CLASSIFIER_NAME}-${digest.slice(0, 12)}-${imageSize}-${seed}.safetensors`,
  );
  const cached = await readCached(device, path, origin);
  const trained = cached ?? await trainClassifier(device, data, { seed, onProgress });
  try {
    if (!cached) await write(cacheDirectory, path, trained, origin);
    const { accuracy, heldOut } = trained;
    return { ...await networkOf(device, trained, batch), accuracy, heldOut, path, trained: !cached };
  } catch (error) {
    trained.network[Symbol.dispose]();
    throw error;
  }
}

/** The classifier in a cache file; undefined when there is none, or when it is broken or of another origin. */
async function readCached(
  device: Device,
  path: string,
  origin: ClassifierOrigin,
): Promise<TrainedClassifier | undefined> {
  try {
    return await loadClassifier(device, path, origin);
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}

async function write(
  directory: string,
  path: string,
  trained: TrainedClassifier,
  origin: ClassifierOrigin,
): Promise<void> {
  try {
    await Deno.mkdir(directory, { recursive: true });
  } catch (cause) {
    throw new CheckpointError(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
  await saveClassifier(path, trained, origin);
}

async function networkOf(
  device: Device,
  { network }: TrainedClassifier,
  batch: number,
): Promise<FeatureNetwork> {
  const extractor = await createClassifierExtractor(device, network, batch);
  return {
    name: CLASSIFIER_NAME,
    sha256: await digestOf(network),
    poolSize: CLASSIFIER_POOL_SIZE,
    spatialSize: network.spatialSize,
    classes: network.classes,
    extract: (images) => extractor.extract(images),
    [Symbol.dispose]() {
      extractor[Symbol.dispose]();
      network[Symbol.dispose]();
    },
  };
}
