/**
 * `deno task quickstart`: trains a small DSMoE on emoji for two minutes and shows what it learned.
 *
 * @module
 */
import { join } from "@std/path";
import { type Command, type CommandLine, runCommand, say } from "../cli/command.ts";
import { DEVICE_FLAGS, deviceOptions } from "../cli/device_flags.ts";
import { ProgressLine } from "../cli/progress.ts";
import type { Device } from "../engine/device/device.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../engine/device/open.ts";
import { classGrid, sampleClasses } from "../eval/mod.ts";
import { createModel } from "../models/create.ts";
import { loadWeights, openModelCheckpoint } from "../models/weights.ts";
import { trainConfigOf } from "./config.ts";
import { lossPlot } from "./loss_plot.ts";
import { type MetricsRecord, readMetrics } from "./metrics_log.ts";
import { progressText } from "./progress.ts";
import { exists, openTrainingData, RUN_FILES, train } from "./run.ts";

/** The command line of `deno task quickstart`. */
export const COMMAND: Command = {
  name: "quickstart",
  summary:
    "Train a small DSMoE on emoji, sample two images a class, and write everything to runs/quickstart.",
  flags: [
    {
      name: "minutes",
      value: "M",
      help: "how long to train (default 2; up to 1.75 times that where steps are slow)",
    },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...DEVICE_FLAGS,
    { name: "out", value: "DIR", help: "folder of the run (default runs/quickstart)" },
  ],
};

/** The model that the quickstart trains. */
const PRESET = "dsmoe-nano";
const PER_CLASS = 2;
const SAMPLER = { steps: 50, method: "euler", guidance: 1.5, seed: 0 } as const;

/** What a quickstart learned and made. */
export interface QuickstartResult {
  /** Finished steps. */
  readonly steps: number;
  /** Mean loss of the first ten steps. */
  readonly firstLoss: number;
  /** Mean loss of the last fifty steps. */
  readonly lastLoss: number;
  /** Mean over the run. */
  readonly imagesPerSecond: number;
  /** The grid of samples. */
  readonly samples: string;
  /** Their pixels, two images a class, `f32[2 * classes, 3, S, S]`. */
  readonly images: Float32Array;
}

/** Runs `deno task quickstart`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, async (line: CommandLine) => {
    const out = line.text("out") ?? join("runs", "quickstart");
    using device = await openDevice(line.text("device"), deviceOptions(line));
    say(describeDevice(device));
    const result = await quickstart(device, out, line.number("minutes", 0.01) ?? 2);
    say(
      `${result.steps} steps, mean loss ${result.firstLoss.toFixed(3)} -> ${result.lastLoss.toFixed(3)}, ` +
        `${result.imagesPerSecond.toFixed(1)} images/s on ${device.kind}, pictures: ${result.samples} and ` +
        join(out, RUN_FILES.loss),
    );
  });
}

/** Trains a preset on emoji for some minutes and draws its samples and its loss. */
export async function quickstart(
  device: Device,
  out: string,
  minutes: number,
  preset: string = PRESET,
): Promise<QuickstartResult> {
  await keepOlderRun(out);
  const progress = new ProgressLine();
  const defaults = trainConfigOf(preset);
  const endless = { ...defaults, train: { ...defaults.train, steps: Number.MAX_SAFE_INTEGER } };
  const { config, dataset } = await openTrainingData(endless, {
    onProgress: (done, total) => progress.show(`decoding image ${done} of ${total}`),
    onWarning: say,
  });
  progress.end();
  say(`data: ${dataset.count} images of ${dataset.classNames.length} classes, ${dataset.licence}`);
  const clock = new Clock(minutes * 60);
  const { checkpoint } = await train({
    device,
    config,
    dataset,
    out,
    shouldStop: () => clock.isOver,
    onMetrics(record) {
      clock.steps = record.step;
      progress.show(progressText(record, undefined, clock.secondsLeft));
    },
  });
  progress.end();
  const samples = join(out, RUN_FILES.samples);
  const images = await drawSamples(device, checkpoint, samples, preset, progress);
  const records = await readMetrics(join(out, RUN_FILES.metrics));
  await drawLoss(records, join(out, RUN_FILES.loss), preset, device);
  return { ...summary(records), samples, images };
}

/** Steps that a quickstart wants, since fewer show little; a slow machine gets some more time for them. */
const WANTED_STEPS = 400;
const MOST_STRETCH = 1.75;

/** How long a run may go on. */
class Clock {
  /** Finished steps. */
  steps = 0;
  readonly #start = performance.now();

  constructor(private readonly seconds: number) {}

  get isOver(): boolean {
    const spent = this.seconds - this.secondsLeft;
    return spent >= this.seconds && (this.steps >= WANTED_STEPS || spent >= MOST_STRETCH * this.seconds);
  }

  get secondsLeft(): number {
    return this.seconds - (performance.now() - this.#start) / 1000;
  }
}

async function keepOlderRun(out: string): Promise<void> {
  if (!await exists(out)) return;
  let kept = 1;
  while (await exists(`${out}-${kept}`)) kept++;
  await Deno.rename(out, `${out}-${kept}`);
  say(`the run that was in ${out} is now in ${out}-${kept}`);
}

/** Samples from the checkpoint as a user would: from the file, with the averaged weights. */
async function drawSamples(
  device: Device,
  path: string,
  out: string,
  preset: string,
  progress: ProgressLine,
): Promise<Float32Array> {
  using checkpoint = await openModelCheckpoint(path);
  const model = createModel(checkpoint.config);
  using params = model.params;
  params.allocate(device);
  await loadWeights(checkpoint.file, params, "ema");
  const { classNames, step, config } = checkpoint;
  const images = await sampleClasses(device, model, {
    ...SAMPLER,
    classes: classNames.map((_, label) => label),
    perClass: PER_CLASS,
    onProgress: (done, total) => progress.show(`sampling, step ${done} of ${total}`),
  });
  progress.end();
  const caption =
    `${preset} after ${step} steps, Euler ${SAMPLER.steps} steps, CFG ${SAMPLER.guidance}, average weights`;
  await Deno.writeFile(out, await classGrid(images, config.model.input_size, classNames, caption));
  return images;
}

async function drawLoss(
  records: readonly MetricsRecord[],
  out: string,
  preset: string,
  device: Device,
): Promise<void> {
  const points = records.flatMap(({ step, losses, lr }) =>
    losses.map((loss, i) => ({ step: step - losses.length + i + 1, loss, lr }))
  );
  const subtitle = `${device.backend.description}, Deno ${Deno.version.deno}`;
  await Deno.writeFile(out, await lossPlot(points, { title: `Training loss of ${preset}`, subtitle }));
}

function summary(records: readonly MetricsRecord[]): Omit<QuickstartResult, "samples" | "images"> {
  const losses = records.flatMap((record) => record.losses);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    steps: losses.length,
    firstLoss: mean(losses.slice(0, 10)),
    lastLoss: mean(losses.slice(-50)),
    imagesPerSecond: mean(records.map((record) => record.images_per_second)),
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
