import { createHash } from "node:crypto";
import {
  openSafetensors,
  type SafetensorsFile,
  writeSafetensors,
} from "../../engine/checkpoint/safetensors.ts";
import { CheckpointError } from "../../engine/core/errors.ts";
import type { Seed } from "../../engine/core/random.ts";
import type { Device } from "../../engine/device/device.ts";
import { CLASSIFIER_NAME, ClassifierNetwork } from "./network.ts";
import type { TrainedClassifier } from "./train.ts";

/** What decides the weights of a classifier, beside the device. */
export interface ClassifierOrigin {
  /** SHA-256 of images and labels. */
  readonly digest: string;
  /** Seed of the training. */
  readonly seed: Seed;
  /** Number of classes. */
  readonly classes: number;
  /** Side of the images in pixels. */
  readonly imageSize: number;
}

/** The origin as it stands in the file. */
function metadataOf({ digest, seed, classes, imageSize }: ClassifierOrigin): Record<string, string> {
  return {
    network: CLASSIFIER_NAME,
    digest,
    seed: `${seed}`,
    classes: `${classes}`,
    imageSize: `${imageSize}`,
  };
}

/**
 * Writes weights, accuracy and origin.
 *
 * @throws {CheckpointError} when the file cannot be written
 */
export async function saveClassifier(
  path: string,
  { network, accuracy, heldOut }: TrainedClassifier,
  origin: ClassifierOrigin,
): Promise<void> {
  const entries = network.params.all.map(({ name, spec, tensor }) => ({
    name,
    spec,
    data: () => tensor.read(),
  }));
  const metadata = { ...metadataOf(origin), accuracy: `${accuracy}`, heldOut: `${heldOut}` };
  await writeSafetensors(path, entries, metadata);
}

/**
 * Reads a classifier back.
 *
 * @throws {CheckpointError} when the file is missing, broken or of another origin
 */
export async function loadClassifier(
  device: Device,
  path: string,
  origin: ClassifierOrigin,
): Promise<TrainedClassifier> {
  using file = await openSafetensors(path);
  const { accuracy, heldOut } = numbersOf(file, origin);
  const network = new ClassifierNetwork(origin.classes, origin.imageSize);
  try {
    const shapes = new Map([...file.tensors].map(([name, { shape }]) => [name, shape]));
    network.params.allocate(device);
    await network.params.load(shapes, (name) => file.read(name) as Promise<Float32Array<ArrayBuffer>>);
  } catch (error) {
    network[Symbol.dispose]();
    throw error;
  }
  return { network, accuracy, heldOut };
}

function numbersOf({ metadata, path }: SafetensorsFile, origin: ClassifierOrigin) {
  for (const [name, wanted] of Object.entries(metadataOf(origin))) {
    if (metadata[name] === wanted) continue;
    throw new CheckpointError(
      `Cannot use ${path} as a classifier: ${name} is ${metadata[name] ?? "missing"}, ${wanted} wanted`,
    );
  }
  const [accuracy, heldOut] = [metadata.accuracy, metadata.heldOut].map(Number);
  if (accuracy >= 0 && accuracy <= 1 && Number.isInteger(heldOut)) return { accuracy, heldOut };
  throw new CheckpointError(
    `Cannot use ${path} as a classifier: accuracy ${metadata.accuracy} of ${metadata.heldOut} is no figure`,
  );
}

/** SHA-256 of all weights, in the order of their declaration. */
export async function digestOf({ params }: ClassifierNetwork): Promise<string> {
  const hash = createHash("sha256");
  for (const { tensor } of params.all) {
    const values = await tensor.read();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}
