/**
 * `deno task train`: trains a model on images.
 *
 * @module
 */
import { basename, join } from "@std/path";
import { type Command, type CommandLine, type Flag, runCommand, say } from "../cli/command.ts";
import { DEVICE_FLAGS, deviceOptions } from "../cli/device_flags.ts";
import { Interrupt } from "../cli/interrupt.ts";
import { formatDuration, ProgressLine } from "../cli/progress.ts";
import { openSafetensors } from "../engine/checkpoint/safetensors.ts";
import { CheckpointError, ConfigError } from "../engine/core/errors.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../engine/device/open.ts";
import { profileProgram } from "../engine/program/profiler.ts";
import { PRECISIONS } from "../models/layers/precision.ts";
import { checkpointInfo } from "./checkpoint.ts";
import {
  CONFIG_SCHEMA,
  type TrainConfig,
  trainConfigOf,
  validateTrainConfig,
  withClasses,
} from "./config.ts";
import { applyOverrides, fieldNames, mergeConfig, readConfigFile } from "./config_file.ts";
import { LatentDataset } from "./dataset/mod.ts";
import type { Trainer } from "./loop.ts";
import { progressText } from "./progress.ts";
import { describeRequirements } from "./requirements.ts";
import { exists, openTrainingData, RUN_FILES, train } from "./run.ts";

/** The flag that sets `train.recompute`. */
export const RECOMPUTE_FLAG: Flag = {
  name: "recompute",
  help: "run each block again in the backward pass: less memory, more work, same result",
};

/** The flag that sets `train.precision`. */
export const PRECISION_FLAG: Flag = {
  name: "precision",
  value: PRECISIONS.join("|"),
  help: "element type of activations and of the weights in use (default f32); f16 needs a webgpu device",
};

/** The command line of `deno task train`. */
export const COMMAND: Command = {
  name: "train",
  summary:
    "Train a model on images. Ctrl-C saves and stops; --resume goes on, bit-equal to a run without a break.",
  overrides: true,
  flags: [
    { name: "preset", value: "NAME", help: "configuration to start from (default dsmoe-nano)" },
    { name: "config", value: "FILE.yaml", help: "fields that differ from the preset" },
    {
      name: "data",
      value: "DIR",
      help: "one subfolder of PNG files a class, or latents of encode (default: emoji)",
    },
    { name: "out", value: "DIR", help: "folder of the run (default runs/PRESET)" },
    { name: "resume", value: "DIR", help: "continue the run in this folder" },
    { name: "steps", value: "N", help: "optimizer steps in all" },
    { name: "batch", value: "N", help: "images of one forward pass (default: the preset's)" },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...DEVICE_FLAGS,
    RECOMPUTE_FLAG,
    PRECISION_FLAG,
    { name: "eager", help: "run kernel by kernel with a NaN check after each" },
    { name: "profile", help: "after the run, print where a step's time goes" },
    { name: "trace", value: "FILE.json", help: "write one step as a Chrome trace" },
  ],
};

/** Runs `deno task train`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, start);
}

async function start(line: CommandLine): Promise<void> {
  const resume = line.text("resume");
  const config = resume === undefined ? await freshConfig(line) : await resumedConfig(line, resume);
  const out = resume ?? line.text("out") ?? join("runs", (line.text("preset") ?? "dsmoe-nano").toLowerCase());
  const profiled = profiling(line);
  const { config: fitted, dataset } = await openTrainingData(config, { onWarning: say });
  using _files = dataset instanceof LatentDataset ? dataset : undefined;
  using device = await openDevice(line.text("device"), deviceOptions(line));
  say(describeDevice(device));
  for (const line of await describeRequirements(fitted, device)) say(line);
  say(`data: ${dataset.count} images of ${dataset.classNames.length} classes from ${dataset.location}`);
  const progress = new ProgressLine();
  using interrupt = new Interrupt(() => say("\nstopping after this step"));
  const started = performance.now();
  let first: number | undefined;
  const { steps, checkpoint } = await train({
    device,
    config: fitted,
    dataset,
    out,
    resume: resume !== undefined,
    eager: line.has("eager"),
    shouldStop: () => interrupt.asked,
    onMetrics(record) {
      first ??= record.step - record.losses.length;
      const rate = (performance.now() - started) / 1000 / (record.step - first);
      progress.show(progressText(record, fitted.train.steps, rate * (fitted.train.steps - record.step)));
    },
    onDone: profiled,
  });
  progress.end();
  say(`${steps} steps in ${formatDuration((performance.now() - started) / 1000)}, checkpoint ${checkpoint}`);
}

/**
 * The configuration that a command line asks for: a preset, a file over it, and options over both.
 *
 * @throws {ConfigError} naming the preset, field or value that is wrong
 */
export async function freshConfig(line: CommandLine): Promise<TrainConfig> {
  const file = line.text("config");
  const fields = file === undefined ? {} : await readConfigFile(file);
  const { preset = "dsmoe-nano", ...own } = fields;
  if (typeof preset !== "string") throw new ConfigError(`Cannot use preset ${preset}: wanted a name`);
  const defaults = trainConfigOf(line.text("preset") ?? preset);
  const config = applyFlags(line, mergeConfig(defaults, own, CONFIG_SCHEMA, file && basename(file)));
  validateTrainConfig(config);
  return config;
}

function applyFlags(line: CommandLine, config: TrainConfig): TrainConfig {
  const flags: Record<string, string> = {};
  const steps = line.number("steps", 1, true);
  const batch = line.number("batch", 1, true);
  const data = line.text("data");
  const precision = line.text("precision");
  if (precision !== undefined) flags["train.precision"] = precision;
  if (steps !== undefined) flags["train.steps"] = String(steps);
  if (batch !== undefined) flags["train.batch_size"] = String(batch);
  if (data !== undefined) flags["data.source"] = data;
  if (line.has("recompute")) flags["train.recompute"] = "true";
  return applyOverrides(config, { ...line.overrides, ...flags }, CONFIG_SCHEMA);
}

/** Fields that may change when a run goes on: how long it is, how often things are written, what memory it takes. */
const MAY_CHANGE = ["steps", "log_every", "checkpoint_every", "preview_every", "recompute"].map((name) =>
  `train.${name}`
);

/** The configuration of a run that goes on: its own. A field that was changed is an error. */
async function resumedConfig(line: CommandLine, folder: string): Promise<TrainConfig> {
  const path = join(folder, RUN_FILES.checkpoint);
  if (!await exists(path)) {
    throw new CheckpointError(`Cannot resume ${folder}: it has no ${RUN_FILES.checkpoint}`);
  }
  if (line.text("out") !== undefined) {
    throw new ConfigError("Cannot use --out with --resume: the run stays in its folder");
  }
  using file = await openSafetensors(path);
  const { config: own } = checkpointInfo(file);
  const base = line.text("preset") !== undefined || line.text("config") !== undefined
    ? { ...await freshConfig(line) }
    : own;
  const wanted = applyFlags(line, base);
  // The number of classes came from the images, not from the user.
  const asked = withClasses(wanted, own.model.num_classes);
  const changed = fieldNames(own).filter((name) => field(own, name) !== field(asked, name));
  // Half a cosine over another number of steps would have had other rates from the start.
  const free = own.optim.lr_schedule === "cosine"
    ? MAY_CHANGE.filter((name) => name !== "train.steps")
    : MAY_CHANGE;
  const refused = changed.filter((name) => !free.includes(name));
  if (refused.length > 0) {
    const list = refused.map((name) => `${name} ${field(asked, name)} (the run has ${field(own, name)})`);
    throw new ConfigError(`Cannot resume ${folder} with another configuration: ${list.join(", ")}`);
  }
  return { ...own, train: asked.train };
}

function field(config: TrainConfig, name: string): unknown {
  return name.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config);
}

function profiling(line: CommandLine): ((trainer: Trainer) => Promise<void>) | undefined {
  const trace = line.text("trace");
  if (!line.has("profile") && trace === undefined) return undefined;
  if (line.has("eager")) {
    throw new ConfigError("Cannot profile with --eager: only a recorded step can be profiled");
  }
  return async (trainer) => {
    const profile = await profileProgram(trainer.program!);
    if (line.has("profile")) say(profile.table());
    if (trace !== undefined) await Deno.writeTextFile(trace, profile.chromeTrace());
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
