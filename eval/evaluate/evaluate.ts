import { join } from "@std/path";
import { formatDuration } from "../../cli/progress.ts";
import { DataError } from "../../engine/core/errors.ts";
import type { Device } from "../../engine/device/device.ts";
import { type FeatureNetwork, INCEPTION_NAME } from "../features.ts";
import { type Gathered, gatherFeatures, type GatherProgress } from "./gather.ts";
import type { FileMark, ImageSource, Step } from "./image_source.ts";
import { computeMetrics, grouped } from "./metrics.ts";
import type { EvaluateOptions } from "./options.ts";
import type { Reference } from "./reference.ts";
import {
  EVALUATION_FILES,
  type EvaluationReport,
  readReport,
  REPORT_FORMAT,
  versions,
  writeReport,
} from "./report.ts";
import { SampleFile } from "./sample_file.ts";
import { requireSameSettings, type Settings } from "./settings.ts";
import { checkState } from "./state_file.ts";

/** What all evaluations of a sweep share. */
export interface EvaluationParts {
  /** Where everything runs. */
  readonly device: Device;
  /** The images. */
  readonly source: ImageSource;
  /** The network. */
  readonly network: FeatureNetwork;
  /** What samples are held against. */
  readonly reference: Reference;
  /** More files that a report names. */
  readonly files: readonly FileMark[];
}

/** What is told while an evaluation runs. */
export interface EvaluationEvents {
  /** Called often. */
  readonly onProgress?: (line: string) => void;
  /** Asked after every batch; true saves and ends. */
  readonly shouldStop?: () => boolean;
}

/** Everything that decides the numbers of one evaluation. */
export function settingsOf(parts: EvaluationParts, options: EvaluateOptions): Settings {
  const { source, network, reference, device } = parts;
  return {
    ...source.settings(options),
    "--reference": reference.sha256,
    "features": `${network.name}, ${network.sha256}`,
    "--preprocessing": options.preprocessing,
    "--splits": options.splits,
    "--device": device.kind,
  };
}

/**
 * Checks, before anything is written, that an evaluation may begin or go on in its folder.
 *
 * @throws {ConfigError} naming the first setting in which the one that is there differs
 */
export async function checkFolder(parts: EvaluationParts, options: EvaluateOptions): Promise<void> {
  if (options.restart) return;
  const settings = settingsOf(parts, options);
  const report = await readReport(options.out);
  if (report) requireSameSettings(options.out, settings, report.settings);
  await checkState(join(options.out, EVALUATION_FILES.state), options.out, settings);
}

/**
 * Evaluates, or goes on with an evaluation that was stopped; one that is finished is read back. The state and the report
 * are in the folder of the options.
 *
 * @returns undefined when it was asked to stop; the same call goes on
 * @throws {ConfigError} naming the first setting in which the evaluation that is there differs
 * @throws {NonFiniteError} when a feature is not a finite number
 */
export async function evaluate(
  parts: EvaluationParts,
  options: EvaluateOptions,
  events: EvaluationEvents = {},
): Promise<EvaluationReport | undefined> {
  const { out } = options;
  const settings = settingsOf(parts, options);
  await checkFolder(parts, options);
  const finished = options.restart ? undefined : await readReport(out);
  if (finished) return finished;
  await using _folder = await prepareFolder(options);
  using images = await parts.source.open(options);
  using samples = options.saveSamples === undefined ? undefined : new SampleFile(options.saveSamples, images);
  const gathered = await gatherFeatures({
    ...{ images, settings },
    ...{ network: parts.network, batch: options.batch, splits: options.splits, saveEvery: options.saveEvery },
    manifold: parts.reference.statistics.activations !== undefined,
    folder: out,
    state: join(out, EVALUATION_FILES.state),
    onImages: (pixels, from) => samples?.write(pixels, from),
    onProgress: (progress) => events.onProgress?.(progressText(progress)),
    shouldStop: events.shouldStop,
  });
  if (!gathered.complete) return undefined;
  await samples?.finish();
  events.onProgress?.(`${grouped(images.count)} images are in, computing the metrics`);
  const report = reportOf(parts, options, settings, gathered, images.format);
  const grid = await gathered.first.draw(`The first of ${grouped(images.count)} images`);
  if (grid) await Deno.writeFile(join(out, EVALUATION_FILES.grid), grid);
  await writeReport(out, report, grid && EVALUATION_FILES.grid);
  await Deno.remove(join(out, EVALUATION_FILES.state));
  await samples?.removePart();
  return report;
}

/** Makes the folder. Disposing removes one that was made here and in which nothing was written. */
async function prepareFolder({ out, restart }: EvaluateOptions): Promise<AsyncDisposable> {
  const there = await Deno.stat(out).then(() => true, () => false);
  try {
    await Deno.mkdir(out, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: out }));
    for (const name of restart ? Object.values(EVALUATION_FILES) : []) {
      await Deno.remove(join(out, name)).catch(() => {});
    }
  } catch (error) {
    throw new DataError(`Cannot write to ${out}: ${error instanceof Error ? error.message : error}`);
  }
  return {
    async [Symbol.asyncDispose]() {
      // A folder that is not empty stays.
      if (!there) await Deno.remove(out).catch(() => {});
    },
  };
}

/** `96/50,000 images  step 120/250  3.20 images/s  1:02:03 left`. */
function progressText({ images, total, batch, imagesPerSecond }: GatherProgress): string {
  const left = imagesPerSecond > 0 ? formatDuration((total - images) / imagesPerSecond) : "-:--";
  return [
    `${grouped(images)}/${grouped(total)} images`,
    ...batch === undefined ? [] : [batch],
    `${imagesPerSecond.toFixed(2)} images/s`,
    `${left} left`,
  ].join("  ");
}

function reportOf(
  { device, source, network, reference, files }: EvaluationParts,
  options: EvaluateOptions,
  settings: Settings,
  { sums, seconds, peakBytes }: Gathered,
  format: string,
): EvaluationReport {
  const { count, height, width } = source;
  return {
    format: REPORT_FORMAT,
    metrics: computeMetrics(sums, reference, network.name),
    settings,
    files: [
      ...source.files,
      ...files,
      { role: "reference", path: reference.location, sha256: reference.sha256 },
    ],
    implementation: [...source.steps(options), ...networkSteps(network, options)],
    images: { count, height, width, format },
    device: device.backend.description,
    versions: versions(),
    seconds,
    peak_memory_bytes: peakBytes,
    date: new Date().toISOString(),
  };
}

const PREPARED: Readonly<Record<EvaluateOptions["preprocessing"], readonly [bytes: string, resize: string]>> =
  {
    "pytorch-fid": [
      "clamp(127.5 x + 128, 0, 255) / 255 of a network's output, not rounded; pixels of files as they are",
      "bilinear to 299 x 299, half-pixel centres, no smoothing before shrinking, not rounded; then 2 x - 1",
    ],
    "torch-fidelity": [
      "clip(255 (x + 1) / 2, 0, 255) of a network's output, rounded half to even as PNG files are; pixels of files as " +
      "they are",
      "bilinear to 299 x 299 as TensorFlow 1 does, source position i in / out, not rounded; then (x - 128) / 128",
    ],
  };

function networkSteps(
  { name, poolSize, spatialSize, classes }: FeatureNetwork,
  options: EvaluateOptions,
): Step[] {
  if (name !== INCEPTION_NAME) {
    return [
      {
        step: "to pixels",
        how: "those of a network's output rounded half to even, as PNG files are; not resized",
      },
      {
        step: "features",
        how: `${name}: ${poolSize} pooled features, not comparable with those of Inception`,
      },
      { step: "logits", how: `${classes} classes of ${name}` },
    ];
  }
  const [bytes, resize] = PREPARED[options.preprocessing];
  return [
    { step: "to pixels", how: bytes },
    { step: "resize", how: resize },
    {
      step: "features",
      how:
        `${name}, FID's pools: mean of ${grouped(poolSize)} channels over 8 x 8, and ${
          grouped(spatialSize)
        } spatial ` +
        "numbers, the first 7 channels of Mixed_6d.branch1x1 after batch norm and ReLU",
    },
    { step: "logits", how: `${grouped(classes)} classes, without the bias` },
  ];
}
