/**
 * `deno task sample`: samples images from a checkpoint into a PNG grid.
 *
 * @module
 */
import { type Command, type CommandLine, runCommand, say } from "../cli/command.ts";
import { ConfigError, DataError } from "../engine/core/errors.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../engine/device/open.ts";
import { createModel } from "../models/create.ts";
import { loadWeights, openModelCheckpoint } from "../models/weights.ts";
import { classGrid, sampleClasses } from "./sample.ts";
import { SAMPLER_METHODS, type SamplerMethod } from "./sampler.ts";

/** The command line of `deno task sample`. */
export const COMMAND: Command = {
  name: "sample",
  summary: "Sample images from a checkpoint into a PNG grid, one row a class.",
  flags: [
    { name: "checkpoint", value: "FILE", help: "a checkpoint.safetensors written by train" },
    { name: "classes", value: "LIST", help: "labels, as in 0,3 (default: all, or the first ten)" },
    { name: "n", value: "N", help: "images of each class (default 4)" },
    { name: "steps", value: "N", help: "steps from noise to image (default 50)" },
    { name: "sampler", value: "NAME", help: `${SAMPLER_METHODS.join(" or ")} (default euler)` },
    { name: "cfg", value: "SCALE", help: "classifier-free guidance; 1 is none (default 1.5)" },
    { name: "seed", value: "N", help: "seed of the starting noise (default 0)" },
    { name: "out", value: "FILE.png", help: "where to write the grid (default samples.png)" },
    { name: "weights", value: "NAME", help: "ema (default) or last" },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    { name: "threads", value: "N", help: "threads of the cpu device (default: all cores)" },
  ],
};

const DEFAULT_CLASSES = 10;

/** Runs `deno task sample`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, sample);
}

async function sample(line: CommandLine): Promise<void> {
  const path = line.text("checkpoint");
  if (path === undefined) throw new ConfigError("Cannot sample: --checkpoint FILE is missing");
  const out = line.text("out") ?? "samples.png";
  await requireWritable(out);
  using checkpoint = await openModelCheckpoint(path);
  using device = await openDevice(line.text("device"), { threads: line.number("threads", 1, true) });
  say(await describeDevice(device, line.text("device")));
  const model = createModel(checkpoint.config);
  model.params.allocate(device);
  await loadWeights(checkpoint.file, model.params, weightsOf(line) === "ema");
  const { num_classes: count, in_channels: channels, input_size: size } = checkpoint.config.model;
  if (channels !== 3) {
    throw new ConfigError(
      `Cannot draw images of ${channels} channels: latents need a decoder, which is not part of sample`,
    );
  }
  const classes = classesOf(line.text("classes"), count);
  const options = {
    classes,
    perClass: line.number("n", 1, true) ?? 4,
    steps: line.number("steps", 1, true) ?? 50,
    method: (line.text("sampler") ?? "euler") as SamplerMethod,
    guidance: line.number("cfg", 0) ?? 1.5,
    seed: line.number("seed", 0, true) ?? 0,
  };
  const images = await sampleClasses(device, model, { ...options, onProgress: reportProgress });
  const names = classes.map((label) => checkpoint.classNames[label] ?? `class ${label}`);
  const caption = `step ${checkpoint.step ?? "?"}, ${options.method} ${options.steps} steps, ` +
    `CFG ${options.guidance}, seed ${options.seed}, ${weightsOf(line)} weights`;
  await Deno.writeFile(out, await classGrid(images, size, names, caption));
  say(`${classes.length * options.perClass} images in ${out}`);
}

function weightsOf(line: CommandLine): "ema" | "last" {
  const name = line.text("weights") ?? "ema";
  if (name !== "ema" && name !== "last") {
    throw new ConfigError(`Cannot use --weights ${name}: wanted ema or last`);
  }
  return name;
}

function classesOf(list: string | undefined, count: number): number[] {
  if (list === undefined) {
    return Array.from({ length: Math.min(count, DEFAULT_CLASSES) }, (_, label) => label);
  }
  return list.split(",").map((item) => {
    const label = Number(item);
    if (item.trim() === "" || !Number.isInteger(label)) {
      throw new ConfigError(`Cannot use --classes ${list}: wanted whole numbers with commas, as in 0,3`);
    }
    return label;
  });
}

/** Fails before the work, not after it; an existing file is left as it is. */
async function requireWritable(path: string): Promise<void> {
  try {
    (await Deno.open(path, { write: true, create: true })).close();
    if ((await Deno.stat(path)).size === 0) await Deno.remove(path);
  } catch (error) {
    throw new DataError(`Cannot write ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

function reportProgress(done: number, total: number): void {
  if (Deno.stdout.isTerminal()) {
    Deno.stdout.writeSync(
      new TextEncoder().encode(`\rsampling ${done}/${total}${done === total ? "\n" : ""}`),
    );
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
