/**
 * `deno task sample`: samples images from a checkpoint into a PNG grid.
 *
 * @module
 */
import { type Command, type CommandLine, runCommand, say } from "../cli/command.ts";
import { DEVICE_FLAGS, deviceOptions } from "../cli/device_flags.ts";
import { ConfigError, DataError } from "../engine/core/errors.ts";
import type { Device } from "../engine/device/device.ts";
import { describeDevice, DEVICE_NAMES, openDevice } from "../engine/device/open.ts";
import { type OpenAutoencoder, openAutoencoder } from "../models/autoencoder_kl/mod.ts";
import { createModel } from "../models/create.ts";
import { loadWeights, openModelCheckpoint, WEIGHTS_NAMES, type WeightsName } from "../models/weights.ts";
import { classGrid, type ClassSampleOptions, decodeSamples, sampleClasses } from "./sample.ts";
import { type RoutingDivergence, SAMPLER_METHODS, type SamplerMethod, type Samples } from "./sampler.ts";
import { meanDivergence } from "./samplers/divergence.ts";
import { intervalOf } from "./sampling_flags.ts";

/** The command line of `deno task sample`. */
export const COMMAND: Command = {
  name: "sample",
  summary: "Sample images from a checkpoint into a PNG grid, one row a class.",
  flags: [
    { name: "checkpoint", value: "FILE", help: "a checkpoint.safetensors written by train" },
    { name: "vae", value: "FILE", help: "autoencoder that decodes a latent model's images; hub: names too" },
    { name: "classes", value: "LIST", help: "labels, as in 0,3 (default: all, or the first ten)" },
    { name: "n", value: "N", help: "images of each class (default 4)" },
    { name: "steps", value: "N", help: "steps from noise to image (default 50); dopri5 chooses its own" },
    { name: "sampler", value: "NAME", help: `${SAMPLER_METHODS.join(", ")} (default euler)` },
    { name: "cfg", value: "SCALE", help: "classifier-free guidance; 1 is none (default 1.5)" },
    { name: "interval", value: "A,B", help: "times that guidance is on, as in 0.1,1 (default: always)" },
    { name: "divergence", value: "FILE.json", help: "write how differently both passes are routed" },
    { name: "seed", value: "N", help: "seed of the starting noise (default 0)" },
    { name: "out", value: "FILE.png", help: "where to write the grid (default samples.png)" },
    { name: "weights", value: "NAME", help: `${WEIGHTS_NAMES.join(", ")} (default ema)` },
    { name: "device", value: "NAME", help: `${DEVICE_NAMES.join(", ")} (default auto)` },
    ...DEVICE_FLAGS,
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
  const divergence = line.text("divergence");
  for (const file of [out, ...divergence === undefined ? [] : [divergence]]) await requireWritable(file);
  using checkpoint = await openModelCheckpoint(path);
  const { num_classes: count, in_channels: channels, input_size: size } = checkpoint.config.model;
  requireDecoder(line, channels);
  using device = await openDevice(line.text("device"), deviceOptions(line));
  say(describeDevice(device));
  const model = createModel(checkpoint.config);
  model.params.allocate(device);
  await loadWeights(checkpoint.file, model.params, weightsOf(line));
  using decoder = await openDecoder(line, device, channels);
  const options = optionsOf(line, count, divergence !== undefined);
  const { classes, perClass } = options;
  const batches: Samples[] = [];
  const sampled = await sampleClasses(device, model, {
    ...options,
    onProgress: progressOf("sampling"),
    onBatch: (samples) => batches.push(samples),
  });
  const drawn = decoder
    ? await decodeSamples(device, decoder.model, sampled, size, progressOf("decoding"))
    : { images: sampled, size };
  const names = classes.map((label) => checkpoint.classNames[label] ?? `class ${label}`);
  const evaluations = Math.round(
    batches.reduce((sum, batch) => sum + batch.evaluations, 0) / batches.length,
  );
  const caption = `step ${checkpoint.step ?? "?"}, ${captionOf(options, evaluations)}, ${
    weightsOf(line)
  } weights`;
  await Deno.writeFile(out, await classGrid(drawn.images, drawn.size, names, caption));
  say(`${classes.length * perClass} images in ${out}, ${evaluations} evaluations of the velocity`);
  if (divergence !== undefined) await reportDivergence(divergence, batches);
}

function requireDecoder(line: CommandLine, channels: number): void {
  if (channels === 3 || line.text("vae") !== undefined) return;
  throw new ConfigError(
    `Cannot draw images of ${channels} channels: latents need a decoder, add --vae FILE`,
  );
}

/** The autoencoder of `--vae`; undefined where the model makes pixels. */
async function openDecoder(
  line: CommandLine,
  device: Device,
  channels: number,
): Promise<OpenAutoencoder | undefined> {
  const path = line.text("vae");
  if (path === undefined) return undefined;
  const vae = await openAutoencoder(device, path);
  const { latent_channels: latents } = vae.model.config;
  if (latents !== channels) {
    vae[Symbol.dispose]();
    throw new ConfigError(
      `Cannot decode with --vae ${path}: the checkpoint's model makes ${channels} channels, it wants ${latents}`,
    );
  }
  say(`vae: ${path} (sha256 ${vae.sha256})`);
  return vae;
}

function optionsOf(line: CommandLine, classes: number, divergence: boolean): ClassSampleOptions {
  return {
    classes: classesOf(line.text("classes"), classes),
    perClass: line.number("n", 1, true) ?? 4,
    steps: line.number("steps", 1, true) ?? 50,
    method: (line.text("sampler") ?? "euler") as SamplerMethod,
    guidance: line.number("cfg", 0) ?? 1.5,
    interval: intervalOf(line.text("interval")),
    divergence,
    seed: line.number("seed", 0, true) ?? 0,
  };
}

function captionOf(options: ClassSampleOptions, evaluations: number): string {
  const { method, steps, guidance, interval, seed } = options;
  const length = method === "dopri5" ? `${evaluations} evaluations` : `${steps} steps`;
  const when = interval ? ` in t ${interval[0]} to ${interval[1]}` : "";
  return `${method} ${length}, CFG ${guidance}${when}, seed ${seed}`;
}

function weightsOf(line: CommandLine): WeightsName {
  const name = line.text("weights") ?? "ema";
  const found = WEIGHTS_NAMES.find((known) => known === name);
  if (!found) {
    throw new ConfigError(`Cannot use --weights ${name}: wanted one of ${WEIGHTS_NAMES.join(", ")}`);
  }
  return found;
}

/** Writes the divergence of all batches together, and prints its mean over the steps. */
async function reportDivergence(path: string, batches: readonly Samples[]): Promise<void> {
  const parts = batches.flatMap(({ divergence }): RoutingDivergence[] => divergence ? [divergence] : []);
  const { layers, steps } = meanDivergence(parts);
  await Deno.writeTextFile(path, `${JSON.stringify({ layers, steps }, null, 2)}\n`);
  layers.forEach((layer, l) => {
    const mean = steps.reduce((sum, step) => sum + step.layers[l], 0) / steps.length;
    say(`routing divergence of ${layer}: ${(100 * mean).toFixed(1)}%, mean over ${steps.length} steps`);
  });
  say(`every step in ${path}`);
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

function progressOf(doing: string): (done: number, total: number) => void {
  const encoder = new TextEncoder();
  return (done, total) => {
    if (!Deno.stdout.isTerminal()) return;
    Deno.stdout.writeSync(encoder.encode(`\r${doing} ${done}/${total}${done === total ? "\n" : ""}`));
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
