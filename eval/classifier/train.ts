import { NonFiniteError } from "../../engine/core/errors.ts";
import type { Seed } from "../../engine/core/random.ts";
import type { Device } from "../../engine/device/device.ts";
import { type ClassifierData, type DataSplit, drawBatch, pixelsAt, splitData } from "./data.ts";
import { createClassifierExtractor } from "./extractor.ts";
import { ClassifierNetwork } from "./network.ts";
import { ClassifierStep } from "./step.ts";

/** How far a training is. */
export interface ClassifierProgress {
  /** Steps done. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** Mean loss of the batch. */
  readonly loss: number;
}

/** How a classifier is trained. */
export interface ClassifierTraining {
  /** Decides the first weights, the images held out, and the batches; 0 unless given. */
  readonly seed?: Seed;
  /** Steps; 1,000 unless given. */
  readonly steps?: number;
  /** Images of a step; 32 unless given. */
  readonly batch?: number;
  /** Called after every tenth step and after the last. */
  readonly onProgress?: (progress: ClassifierProgress) => void;
}

/** A classifier, and how good it is. */
export interface TrainedClassifier {
  /** In the memory of the device; the caller's to dispose of. */
  readonly network: ClassifierNetwork;
  /** Part of the images that were held out which it names right. */
  readonly accuracy: number;
  /** Images that were held out. */
  readonly heldOut: number;
}

const STEPS = 1000;
const BATCH = 32;
const PEAK_RATE = 3e-3;
/** Part of the steps during which the rate rises. */
const WARM_UP = 0.1;
/** Steps between two reports: a report waits for the device. */
const REPORT_EVERY = 10;

/** Learning rate of a step: up in a straight line, down to 0 along a cosine. */
function rateAt(step: number, steps: number): number {
  const rising = Math.max(1, Math.floor(WARM_UP * steps));
  if (step < rising) return PEAK_RATE * (step + 1) / rising;
  return PEAK_RATE * (1 + Math.cos(Math.PI * (step - rising) / (steps - rising))) / 2;
}

/**
 * Trains a classifier on 85% of the images of every class. A pure function of the data, the options and the device: it
 * gives the same weights each time.
 *
 * @throws {DataError} when a class has fewer than two images
 * @throws {NonFiniteError} when the loss is no longer a finite number
 */
export async function trainClassifier(
  device: Device,
  data: ClassifierData,
  options: ClassifierTraining = {},
): Promise<TrainedClassifier> {
  const { seed = 0, batch = BATCH } = options;
  const split = splitData(data, seed);
  const network = new ClassifierNetwork(data.classNames.length, data.imageSize);
  try {
    network.params.allocate(device);
    network.params.initialize(seed);
    await runSteps(device, network, data, split, options);
    const accuracy = await accuracyOf(device, network, data, split.heldOut, batch);
    return { network, accuracy, heldOut: split.heldOut.length };
  } catch (error) {
    network[Symbol.dispose]();
    throw error;
  }
}

async function runSteps(
  device: Device,
  network: ClassifierNetwork,
  data: ClassifierData,
  split: DataSplit,
  { seed = 0, steps = STEPS, batch = BATCH, onProgress }: ClassifierTraining,
): Promise<void> {
  using parts = new ClassifierStep(device, network, batch);
  using program = await device.record("classifier training", () => parts.body());
  for (let step = 0; step < steps; step++) {
    parts.write(rateAt(step, steps), drawBatch(data, split, { seed, step, batch }));
    program.run();
    const done = step + 1;
    if (done % REPORT_EVERY !== 0 && done !== steps) continue;
    const [loss] = await program.results.loss.read();
    if (!Number.isFinite(loss)) {
      throw new NonFiniteError(`Cannot train a classifier: the loss of step ${done} is ${loss}`);
    }
    onProgress?.({ step: done, steps, loss });
  }
}

/** Part of some images whose largest logit is that of their class. */
async function accuracyOf(
  device: Device,
  network: ClassifierNetwork,
  data: ClassifierData,
  positions: Uint32Array,
  batch: number,
): Promise<number> {
  using extractor = await createClassifierExtractor(device, network, batch);
  const { logits } = await extractor.extract(pixelsAt(data, positions));
  const { classes } = network;
  let right = 0;
  positions.forEach((position, i) => {
    const own = logits.subarray(i * classes, (i + 1) * classes);
    if (own.indexOf(Math.max(...own)) === data.labels[position]) right++;
  });
  return right / positions.length;
}
