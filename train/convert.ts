/**
 * `deno task convert`: turns a checkpoint of PyTorch into safetensors, and back.
 *
 * @module
 */
import { type Command, type CommandLine, runCommand, say } from "../cli/command.ts";
import type { SafetensorsFile } from "../engine/checkpoint/safetensors.ts";
import { isTorchPath, openTensorFile, type TensorFile } from "../engine/checkpoint/tensor_file.ts";
import { TorchFile } from "../engine/checkpoint/torch.ts";
import { CheckpointError, ConfigError } from "../engine/core/errors.ts";
import { assertSameState } from "../engine/params/param_store.ts";
import { modelConfigOf, recogniseFile } from "../models/about.ts";
import { createModel, type ModelConfig } from "../models/create.ts";
import { readSafetensorsState } from "./convert/read_safetensors.ts";
import { readTorchState } from "./convert/read_torch.ts";
import type { CheckpointState, StateTensor } from "./convert/state.ts";
import { writeSafetensorsState } from "./convert/write_safetensors.ts";
import { writeTorchState } from "./convert/write_torch.ts";

/** The command line of `deno task convert`. */
export const COMMAND: Command = {
  name: "convert",
  summary:
    "Convert a checkpoint between .pt or .pth (PyTorch) and .safetensors, under the reference's names.",
  positional: "IN OUT",
  flags: [{ name: "force", help: "replace OUT where it exists" }],
};

/** Runs `deno task convert`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return runCommand(COMMAND, args, async (line: CommandLine) => {
    const [input, output, ...more] = line.positional;
    if (input === undefined || output === undefined || more.length > 0) {
      throw new ConfigError(`Cannot convert: wanted two files, IN and OUT, got ${line.positional.length}`);
    }
    for (const text of await convert(input, output, line.has("force"))) say(text);
  });
}

/**
 * Converts a file; the format of each side is that of its extension.
 *
 * @param force whether to replace an output that exists
 * @returns what was written, in lines for people
 * @throws {CheckpointError} when the input is broken or hostile, or the output exists or cannot be written; an output that
 *   was there then stays as it is
 * @throws {ConfigError} when the extensions are not one of each kind
 */
export async function convert(input: string, output: string, force = false): Promise<string[]> {
  const [from, to] = [kindOf(input), kindOf(output)];
  if (from === to) {
    throw new ConfigError(
      `Cannot convert ${input} to ${output}: wanted one .safetensors and one .pt or .pth`,
    );
  }
  if (!force && await exists(output)) {
    throw new CheckpointError(`Cannot write ${output}: it exists, give --force to replace it`);
  }
  using file = await openTensorFile(input);
  const state = file instanceof TorchFile
    ? readTorchState(file)
    : readSafetensorsState(file as SafetensorsFile);
  const model = modelOf(file, state);
  const config = typeof model === "string" ? undefined : model.config;
  if (to === "safetensors") await writeSafetensorsState(output, state, config);
  else await writeTorchState(output, state, config && namesOf(config));
  const note = typeof model === "string" ? [`without a configuration: ${model}`] : [];
  return [`${output}: ${summaryOf(state, config && (model as Model).name)}`, ...note];
}

function kindOf(path: string): "torch" | "safetensors" {
  if (isTorchPath(path)) return "torch";
  if (/\.safetensors$/i.test(path)) return "safetensors";
  throw new ConfigError(`Cannot convert ${path}: wanted a name that ends in .pt, .pth or .safetensors`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new CheckpointError(`Cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

interface Model {
  readonly name: string;
  readonly config: ModelConfig;
}

/**
 * The model, where metadata or names and shapes tell it, or why they don't: a file of any other network is converted all
 * the same.
 *
 * @throws {CheckpointError} when it is another one than its metadata say
 */
function modelOf(file: TensorFile, { metadata, sections }: CheckpointState): Model | string {
  if (metadata.config === undefined) {
    try {
      const { config, preset } = recogniseFile(file);
      return { name: preset ?? `a ${config.family}`, config };
    } catch (error) {
      if (error instanceof CheckpointError) return error.message;
      throw error;
    }
  }
  const config = modelConfigOf(file.path, metadata.config);
  const weights = sections.get("model") ?? new Map<string, StateTensor>();
  const shapes = new Map([...weights].map(([name, { shape }]) => [name, shape]));
  assertSameState(createModel(config).params.stateShapes(), shapes);
  return { name: `a ${config.family}`, config };
}

/** A model's own names, in their order. */
function namesOf(config: ModelConfig): string[] {
  return [...createModel(config).params.stateShapes().keys()];
}

function summaryOf({ sections, moments, leftOut }: CheckpointState, model: string | undefined): string {
  const weights = [...sections].map(([name, { size }]) => `${name} ${size} tensors`);
  const rest = leftOut.length > 3 ? `, ... (${leftOut.length} in all)` : "";
  return [
    ...weights,
    ...moments.size > 0 ? [`moments of ${moments.size}`] : [],
    ...model === undefined ? [] : [model],
    ...leftOut.length > 0 ? [`left out: ${leftOut.slice(0, 3).join(", ")}${rest}`] : [],
  ].join("; ");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
