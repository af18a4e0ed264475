import type { Command, CommandLine } from "../../cli/command.ts";
import { DEVICE_FLAGS } from "../../cli/device_flags.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import { DEVICE_NAMES } from "../../engine/device/open.ts";
import { type Preprocessing, PREPROCESSINGS } from "../../models/inception/mod.ts";
import type { WeightsName } from "../../models/weights.ts";
import { LABEL_RULES, type LabelRule } from "../images/labels.ts";
import { type GuidanceInterval, SAMPLER_METHODS, type SamplerMethod } from "../sampler.ts";
import { checkOptions } from "../samplers/options.ts";
import { intervalOf } from "../sampling_flags.ts";

/** The command line of `deno task evaluate`. */
export const COMMAND: Command = {
  name: "evaluate",
  summary:
    "Score a checkpoint, or a folder of images: FID, sFID, Inception Score, and how each was computed. " +
    "Stopped at any time, the same command goes on to the same numbers.",
  positional: "[NAME=LIST ...]",
  flags: [
    {
      name: "checkpoint",
      value: "FILE",
      help: "what to sample from: a file of train, PyTorch's, or hub:OWNER/REPO/FILE",
    },
    {
      name: "images",
      value: "PATH",
      help: "a folder of PNG files, or an .npz with arr_0, in place of a checkpoint",
    },
    {
      name: "reference",
      value: "STATS.npz",
      help: "statistics of the real images, as of deno task statistics or of ADM",
    },
    { name: "inception", value: "FILE", help: "weights of Inception v3: safetensors, .pt or .pth" },
    { name: "vae", value: "FILE", help: "weights of the autoencoder, for a model of latents" },
    {
      name: "self",
      help: "score in features of a small classifier that is trained on the data set, without weights",
    },
    { name: "data", value: "DIR", help: "the data set of --self, one subfolder a class (default: emoji)" },
    { name: "num", value: "N", help: "images to score (default 50000; all that --images has)" },
    { name: "cfg", value: "SCALE", help: "classifier-free guidance; 1 is none (default 1.5)" },
    { name: "interval", value: "A,B", help: "times that guidance is on, as in 0.1,1 (default: always)" },
    { name: "steps", value: "N", help: "steps from noise to image (default 250); dopri5 chooses its own" },
    { name: "sampler", value: "NAME", help: `${SAMPLER_METHODS.join(", ")} (default euler)` },
    {
      name: "ema",
      value: "0|1|2",
      help: "weights: of the last step, their average, a second average (default 1)",
    },
    { name: "seed", value: "N", help: "seed of noise and random labels (default 0)" },
    { name: "batch", value: "N", help: "images that are sampled together (default 32)" },
    { name: "labels", value: "NAME", help: `${LABEL_RULES.join(", ")} (default balanced)` },
    { name: "preprocessing", value: "NAME", help: `${PREPROCESSINGS.join(", ")} (default pytorch-fid)` },
    { name: "splits", value: "N", help: "pieces of torch-fidelity's Inception Score (default 10)" },
    {
      name: "sweep",
      value: "NAME=LIST",
      help: "every combination of cfg=1,1.5 ema=0,1 steps=... sampler=... seed=...",
    },
    {
      name: "out",
      value: "DIR",
      help: "folder of the report and of what goes on later (default runs/evaluation)",
    },
    {
      name: "save-samples",
      value: "FILE.npz",
      help: "also write the images as arr_0, u8[N, H, W, 3], for ADM's evaluator",
    },
    { name: "save-every", value: "SECONDS", help: "between two writes of the state (default 120)" },
    { name: "restart", help: "begin again where the folder has an evaluation" },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...DEVICE_FLAGS,
  ],
};

/** How samples are made. */
export interface SamplingOptions {
  /** Classifier-free guidance scale. */
  readonly cfg: number;
  /** Times that guidance is on. */
  readonly interval?: GuidanceInterval;
  /** Steps from noise to image. */
  readonly steps: number;
  /** How the path is integrated. */
  readonly sampler: SamplerMethod;
  /** Which weights: 0 is the last step's. */
  readonly ema: number;
  /** Seed of noise and random labels. */
  readonly seed: number;
}

/** Everything that the command line of an evaluation says. */
export interface EvaluateOptions extends SamplingOptions {
  /** What is sampled from; undefined where images are given. */
  readonly checkpoint?: string;
  /** Images in place of a checkpoint. */
  readonly images?: string;
  /** Statistics of the real images; undefined with `self`. */
  readonly reference?: string;
  /** Weights of Inception; undefined with `self`. */
  readonly inception?: string;
  /** Weights of the autoencoder. */
  readonly vae?: string;
  /** Whether a classifier's features take the place of Inception's. */
  readonly self: boolean;
  /** The data set of `self`. */
  readonly data?: string;
  /** Images to score; undefined for all of `images`. */
  readonly num?: number;
  /** Images that are sampled together. */
  readonly batch: number;
  /** How classes are shared out. */
  readonly labels: LabelRule;
  /** How images are brought to the network. */
  readonly preprocessing: Preprocessing;
  /** Pieces of torch-fidelity's Inception Score. */
  readonly splits: number;
  /** The folder. */
  readonly out: string;
  /** Where the images are written. */
  readonly saveSamples?: string;
  /** Seconds between two writes of the state. */
  readonly saveEvery: number;
  /** Whether an earlier evaluation is dropped. */
  readonly restart: boolean;
}

const DEFAULT_IMAGES = 50_000;

/** What only decides how images are sampled. */
const SAMPLING_FLAGS = ["cfg", "interval", "steps", "sampler", "ema", "seed", "labels", "vae"];

/**
 * Reads the options of an evaluation.
 *
 * @throws {ConfigError} naming the option that is missing, wrong, or without effect
 */
export function readOptions(line: CommandLine): EvaluateOptions {
  const [checkpoint, images, data] = ["checkpoint", "images", "data"].map((name) => line.text(name));
  const self = line.has("self");
  checkSource(line, { checkpoint, images, data, self });
  const num = line.number("num", 2, true) ?? (images === undefined ? DEFAULT_IMAGES : undefined);
  const options: EvaluateOptions = {
    ...{ checkpoint, images, self, data, num },
    reference: line.text("reference"),
    inception: line.text("inception"),
    vae: line.text("vae"),
    cfg: line.number("cfg", 0) ?? 1.5,
    interval: intervalOf(line.text("interval")),
    steps: line.number("steps", 1, true) ?? 250,
    sampler: oneOf(line, "sampler", SAMPLER_METHODS),
    ema: emaOf(line.text("ema") ?? "1"),
    seed: line.number("seed", 0, true) ?? 0,
    batch: Math.min(line.number("batch", 1, true) ?? 32, num ?? Infinity),
    labels: oneOf(line, "labels", LABEL_RULES),
    preprocessing: oneOf(line, "preprocessing", PREPROCESSINGS),
    splits: line.number("splits", 1, true) ?? 10,
    out: line.text("out") ?? "runs/evaluation",
    saveSamples: line.text("save-samples"),
    saveEvery: line.number("save-every", 0) ?? 120,
    restart: line.has("restart"),
  };
  checkSampling(options);
  return options;
}

/** @throws {ConfigError} when the sampler cannot work with them */
export function checkSampling(
  { batch, steps, sampler: method, cfg: guidance, interval }: EvaluateOptions,
): void {
  checkOptions({ batch, steps, method, guidance, interval });
}

function checkSource(
  line: CommandLine,
  { checkpoint, images, data, self }: Pick<EvaluateOptions, "checkpoint" | "images" | "data" | "self">,
): void {
  const wrong = (what: string) => new ConfigError(`Cannot evaluate: ${what}`);
  if ((checkpoint === undefined) === (images === undefined)) {
    throw wrong(
      `one of --checkpoint FILE and --images PATH is wanted, got ${images === undefined ? "none" : "both"}`,
    );
  }
  for (const name of ["reference", "inception"]) {
    const given = line.text(name) !== undefined;
    if (self && given) throw wrong(`--${name} has no place beside --self, which makes its own`);
    if (!self && !given) throw wrong(`--${name} is missing (or give --self)`);
  }
  if (data !== undefined && !self) throw wrong("--data is the data set of --self, which is missing");
  const idle = SAMPLING_FLAGS.find((name) => images !== undefined && line.text(name) !== undefined);
  if (idle !== undefined) throw wrong(`--${idle} has no effect on --images`);
}

function oneOf<T extends string>(line: CommandLine, name: string, known: readonly T[]): T {
  const text = line.text(name) ?? known[0];
  const found = known.find((own) => own === text);
  if (found === undefined) {
    throw new ConfigError(`Cannot use --${name} ${text}: wanted one of ${known.join(", ")}`);
  }
  return found;
}

const WEIGHTS: readonly WeightsName[] = ["last", "ema", "ema2"];

/** The name of the weights of an option `ema`. */
export function weightsName(ema: number): WeightsName {
  return WEIGHTS[ema];
}

function emaOf(text: string): number {
  if (/^[012]$/.test(text)) return Number(text);
  throw new ConfigError(`Cannot use --ema ${text}: wanted 0 (last step), 1 (average) or 2 (second average)`);
}
