import { say } from "../../cli/command.ts";
import { ProgressLine } from "../../cli/progress.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import type { Device } from "../../engine/device/device.ts";
import { type ImageDataset, openDataset } from "../../train/dataset/mod.ts";
import { type OpenClassifier, openClassifier } from "../classifier/mod.ts";
import { type FeatureNetwork, openInceptionFeatures } from "../features.ts";
import type { ImageStream } from "../images/image_stream.ts";
import { imageStatistics } from "../statistics/statistics.ts";
import type { FileMark } from "./image_source.ts";
import type { EvaluateOptions } from "./options.ts";
import { openReference, type Reference, referenceOf } from "./reference.ts";

/** Images of one pass of a network; more of them would only take memory. */
export const NETWORK_BATCH = 16;

/** What samples are scored with. */
export interface Judge {
  /** The network. */
  readonly network: FeatureNetwork;
  /** What samples are held against. */
  readonly reference: Reference;
  /** The network's file, where it has one. */
  readonly files: readonly FileMark[];
}

/** Rows and pixels of a row of the images to come. */
export interface ImageSides {
  /** Rows. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
}

/**
 * Opens Inception and the reference statistics, or with `self` a classifier of the data set, whose images are then the
 * reference. The network is the caller's to dispose.
 *
 * @throws {CheckpointError} when a file is missing, broken or of another kind
 * @throws {DataError} when the data set is missing or too small
 */
export async function openJudge(device: Device, options: EvaluateOptions, sides: ImageSides): Promise<Judge> {
  if (options.self) return await openSelf(device, options, sides);
  const { inception, reference: path, preprocessing, batch } = options;
  if (inception === undefined || path === undefined) {
    throw new ConfigError("Cannot evaluate: --inception FILE and --reference STATS.npz are wanted");
  }
  // First, because it takes least.
  const reference = await openReference(path);
  const network = await openInceptionFeatures(device, inception, {
    ...sides,
    batch: Math.min(NETWORK_BATCH, batch),
    preprocessing,
  });
  return { network, reference, files: [{ role: "inception", path: inception, sha256: network.sha256 }] };
}

async function openSelf(
  device: Device,
  { data }: EvaluateOptions,
  { height, width }: ImageSides,
): Promise<Judge> {
  if (height !== width) {
    throw new ConfigError(`Cannot use --self for images of ${height} x ${width}: square ones wanted`);
  }
  const progress = new ProgressLine();
  const dataset = await openDataset({
    data,
    imageSize: width,
    onProgress: (done, total) => progress.show(`decoding image ${done} of ${total}`),
    onWarning: say,
  });
  const network = await openClassifier(device, {
    data: dataset,
    onProgress: ({ step, steps, loss }) =>
      progress.show(`training the classifier, step ${step}/${steps}  loss ${loss.toFixed(3)}`),
  });
  try {
    const statistics = await imageStatistics(imagesOf(dataset), network, {
      batch: SELF_BATCH,
      activations: true,
      onProgress: (done, total) => progress.show(`features of the data set ${done}/${total}`),
    });
    progress.end();
    tell(network);
    return {
      network,
      reference: referenceOf(dataset.location, dataset.digest, statistics),
      files: [{ role: "classifier", path: network.path, sha256: network.sha256 }],
    };
  } catch (error) {
    network[Symbol.dispose]();
    throw error;
  }
}

/** Images of the data set whose features are extracted at once. */
const SELF_BATCH = 64;

function tell({ name, accuracy, heldOut, path, trained }: OpenClassifier): void {
  say(
    `${name}: ${(100 * accuracy).toFixed(1)}% of ${heldOut} held-out images named right, ` +
      `${trained ? "trained now" : "trained before"}, weights in ${path}`,
  );
}

function imagesOf({ images, count, imageSize }: ImageDataset): ImageStream {
  const size = 3 * imageSize * imageSize;
  return {
    ...{ count, height: imageSize, width: imageSize },
    format: "8-bit images of the data set",
    read: (from, to) => Promise.resolve(images.subarray(from * size, to * size)),
    [Symbol.dispose]: () => {},
  };
}
