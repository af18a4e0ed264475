import { plainData } from "../engine/checkpoint/pickle_data.ts";
import { PickleDict, type PickleValue } from "../engine/checkpoint/pickle_values.ts";
import type { TensorFile } from "../engine/checkpoint/tensor_file.ts";
import { SafetensorsFile } from "../engine/checkpoint/safetensors.ts";
import { TorchFile } from "../engine/checkpoint/torch.ts";
import { CheckpointError } from "../engine/core/errors.ts";
import { FAMILY_NAMES, type ModelConfig, validateModel } from "./create.ts";
import { type Recognised, recogniseModel } from "./recognise.ts";
import { weightSections } from "./sections.ts";

/** Key of a PyTorch checkpoint's dict under which `convert` keeps what that format has no place for. */
export const TORCH_EXTRA_KEY = "tessera";

/** What a checkpoint says besides its weights. */
export interface About {
  /** The metadata that `train` writes: format, step, configuration, data set. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The `args` of a trainer. */
  readonly args: Readonly<Record<string, unknown>>;
}

/**
 * Reads what a file says of itself, in either format.
 *
 * @throws {CheckpointError} when its metadata is broken
 */
export function aboutFile(file: TensorFile): About {
  if (file instanceof TorchFile) {
    const extra = entryOf(file.value, TORCH_EXTRA_KEY);
    const metadata = Object.entries(recordOf(plainData(entryOf(extra, "metadata"))));
    return {
      metadata: Object.fromEntries(
        metadata.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
      ),
      args: recordOf(plainData(entryOf(file.value, "args"))),
    };
  }
  const metadata = file instanceof SafetensorsFile ? file.metadata : {};
  return { metadata, args: metadata.args === undefined ? {} : recordOf(parseJson(file.path, metadata.args)) };
}

/** The value of a key, where there is a dict that has it. */
export function entryOf(value: PickleValue | undefined, key: PickleValue): PickleValue | undefined {
  return value instanceof PickleDict ? value.get(key) : undefined;
}

/**
 * Parses a part of a file's metadata.
 *
 * @throws {CheckpointError} when it is not JSON
 */
export function parseJson(path: string, json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CheckpointError(`Cannot use ${path}: its metadata is broken`, { cause });
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : {};
}

/**
 * Tells the model of a file from its names and shapes, see `recogniseModel()`.
 *
 * @throws {CheckpointError} when they are not those of a model, or do not tell enough
 */
export function recogniseFile(file: TensorFile): Recognised {
  const sections = weightSections(file.tensors.keys());
  const names = sections.get("model") ?? sections.get("ema") ?? sections.get("ema2")!;
  const shapes = new Map([...names].map(([name, place]) => [name, file.tensors.get(place)!.shape]));
  return recogniseModel(shapes, aboutFile(file).args, file.path);
}

/**
 * The model of a configuration in a file's metadata.
 *
 * @throws {CheckpointError} when it names no family
 * @throws {ConfigError} when a field is out of range
 */
export function modelConfigOf(path: string, json: string): ModelConfig {
  const config = recordOf(parseJson(path, json)) as unknown as ModelConfig;
  if (!FAMILY_NAMES.includes(config.family) || !config.model) {
    throw new CheckpointError(
      `Cannot use ${path}: wanted a model of ${FAMILY_NAMES.join(", ")}, got "${config.family}"`,
    );
  }
  validateModel(config);
  return config;
}
