import { join } from "@std/path";
import { ConfigError, DataError } from "../engine/core/errors.ts";
import { openSafetensors } from "../engine/checkpoint/safetensors.ts";
import type { Device } from "../engine/device/device.ts";
import { classGrid, sampleClasses } from "../eval/mod.ts";
import { createModel } from "../models/create.ts";
import { checkpointInfo, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { type TrainConfig, validateTrainConfig, withClasses } from "./config.ts";
import { openTrainingSource } from "./training_source.ts";
import { LatentDataset, type TrainingDataset } from "./dataset/mod.ts";
import { Trainer } from "./loop.ts";
import { explainOutOfMemory, requireFit } from "./requirements.ts";
import { requirePrecision } from "./precision.ts";
import { MetricsLog, type MetricsRecord } from "./metrics_log.ts";

/** Files of a run's folder. */
export const RUN_FILES = {
  checkpoint: "checkpoint.safetensors",
  metrics: "metrics.jsonl",
  preview: "preview.png",
  loss: "loss.png",
  samples: "samples.png",
} as const;

/** How to run a training configuration. */
export interface TrainOptions {
  /** Where to train. */
  readonly device: Device;
  /** What to train, and how. */
  readonly config: TrainConfig;
  /** What to train on. */
  readonly dataset: TrainingDataset;
  /** The run's folder; made if it is not there. */
  readonly out: string;
  /** Whether to continue from the folder's checkpoint. */
  readonly resume?: boolean;
  /** Runs every kernel at once, with a NaN check after each, in place of the recorded program. */
  readonly eager?: boolean;
  /** Sees every line of metrics. */
  readonly onMetrics?: (record: MetricsRecord) => void;
  /** Asked after every step; true saves and ends the run. */
  readonly shouldStop?: () => boolean;
  /** Sees the trainer when it is ready and again after the last step: for profiles. */
  readonly onReady?: (trainer: Trainer) => Promise<void> | void;
  /** Sees the trainer after the last step. */
  readonly onDone?: (trainer: Trainer) => Promise<void> | void;
}

/** What a run left. */
export interface TrainResult {
  /** Finished optimizer steps, those before a resume included. */
  readonly steps: number;
  /** Path of the last checkpoint. */
  readonly checkpoint: string;
}

/**
 * Opens the configuration's images or latents, and fits the configuration to them: the number of classes is theirs.
 *
 * @throws {DataError} when they are missing or broken
 * @throws {ConfigError} when the model does not take them
 */
export async function openTrainingData(
  config: TrainConfig,
  callbacks: { onProgress?: (done: number, total: number) => void; onWarning?: (line: string) => void } = {},
): Promise<{ config: TrainConfig; dataset: TrainingDataset }> {
  const dataset = await openTrainingSource(config, callbacks);
  const fitted = withClasses(config, dataset.classNames.length);
  validateTrainConfig(fitted);
  return { config: fitted, dataset };
}

/**
 * Trains, writing checkpoints, metrics and previews into the run's folder.
 *
 * @throws {DataError} when the folder cannot be written, or holds a run that this one would overwrite
 * @throws {CheckpointError} when the checkpoint to resume from does not fit
 * @throws {DeviceError} when the device cannot hold the run; which options would change that is said
 * @throws {ConfigError} when the device does not have the configuration's precision
 * @throws {NonFiniteError} when the loss is no longer finite; the last checkpoint is left as it is
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  await requireFit(options.config, options.device);
  try {
    return await trainFitting(options);
  } catch (error) {
    await explainOutOfMemory(error, options.config, options.device);
    throw error;
  }
}

async function trainFitting(options: TrainOptions): Promise<TrainResult> {
  const { device, config, dataset, out } = options;
  requirePrecision(device.backend, config.train.precision);
  const checkpoint = join(out, RUN_FILES.checkpoint);
  await prepareFolder(out, checkpoint, options.resume ?? false);
  const model = createModel(config);
  model.params.allocate(device);
  using trainer = await Trainer.create(device, model, dataset, config, options.eager);
  const from = options.resume
    ? await restore(checkpoint, trainer, dataset)
    : begin(trainer, config.train.seed);
  using log = await MetricsLog.open(join(out, RUN_FILES.metrics), from);
  const { name, classNames, digest } = dataset;
  const save = (step: number) =>
    saveCheckpoint(checkpoint, model.params, trainer.step.optimizer, {
      step,
      config,
      dataset: { name, classNames, digest },
      device: device.kind,
    });
  // A first checkpoint, so that a run killed at any time can be resumed.
  if (!options.resume) await save(0);
  await options.onReady?.(trainer);
  const steps = await trainer.run(from, {
    onMetrics(record) {
      log.write(record);
      options.onMetrics?.(record);
    },
    onCheckpoint: save,
    onPreview: (step) => drawPreview(trainer, device, dataset, step, join(out, RUN_FILES.preview)),
    shouldStop: options.shouldStop ?? (() => false),
  });
  await options.onDone?.(trainer);
  return { steps, checkpoint };
}

async function prepareFolder(out: string, checkpoint: string, resume: boolean): Promise<void> {
  try {
    await Deno.mkdir(out, { recursive: true });
    const probe = await Deno.makeTempFile({ dir: out });
    await Deno.remove(probe);
  } catch (error) {
    throw new DataError(`Cannot write to ${out}: ${error instanceof Error ? error.message : error}`);
  }
  if (!resume && await exists(checkpoint)) {
    throw new DataError(
      `Cannot start a run in ${out}: it holds one already, continue it with --resume ${out} or choose another --out`,
    );
  }
}

/** Whether a file is there. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Writes the first values. Returns the number of finished steps: none. */
function begin({ model, step }: Trainer, seed: number): number {
  model.params.initialize(seed);
  step.optimizer.startEma();
  return 0;
}

async function restore(path: string, trainer: Trainer, dataset: TrainingDataset): Promise<number> {
  using file = await openSafetensors(path);
  const info = checkpointInfo(file);
  if (info.dataset.digest !== dataset.digest) {
    throw new ConfigError(
      `Cannot resume from ${path}: it was trained on other images than ${dataset.location} holds now`,
    );
  }
  return (await loadCheckpoint(file, trainer.model.params, trainer.step.optimizer)).step;
}

/** Two images a class from the average, in a few Euler steps: enough to see what is being learned. */
async function drawPreview(
  trainer: Trainer,
  device: Device,
  dataset: TrainingDataset,
  step: number,
  path: string,
): Promise<void> {
  // Latents become images in `evaluate`, which has the autoencoder.
  if (dataset instanceof LatentDataset) return;
  const shown = dataset.classNames.slice(0, 10);
  const images = await sampleClasses(device, trainer.model, {
    classes: shown.map((_, label) => label),
    perClass: 2,
    steps: 20,
    method: "euler",
    guidance: 1.5,
    seed: 0,
    weights: trainer.step.optimizer.ema,
  });
  await Deno.writeFile(
    path,
    await classGrid(images, dataset.imageSize, shown, `step ${step}, Euler 20 steps, CFG 1.5`),
  );
}
