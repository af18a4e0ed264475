import { openSafetensors, type SafetensorsFile } from "../engine/checkpoint/safetensors.ts";
import type { HostArray } from "../engine/core/dtype.ts";
import { CheckpointError } from "../engine/core/errors.ts";
import type { ParamStore } from "../engine/params/param_store.ts";
import { FAMILY_NAMES, type ModelConfig, validateModel } from "./create.ts";

/** An open checkpoint and the model that it says it holds. */
export interface ModelCheckpoint extends Disposable {
  /** The open file. */
  readonly file: SafetensorsFile;
  /** The model that it holds. */
  readonly config: ModelConfig;
  /** Names of the classes, where the file tells. */
  readonly classNames: readonly string[];
  /** Finished optimizer steps, where the file tells. */
  readonly step: number | undefined;
}

/**
 * Opens a checkpoint that was written by `train`.
 *
 * @throws {CheckpointError} when the file is broken or does not say which model it holds
 */
export async function openModelCheckpoint(path: string): Promise<ModelCheckpoint> {
  const file = await openSafetensors(path);
  try {
    const { config, dataset, step } = file.metadata;
    if (config === undefined) {
      throw new CheckpointError(`Cannot use ${path}: its metadata has no "config" that names the model`);
    }
    const parsed = parse(path, config) as ModelConfig;
    if (!FAMILY_NAMES.includes(parsed.family) || !parsed.model) {
      throw new CheckpointError(
        `Cannot use ${path}: wanted a model of ${FAMILY_NAMES.join(", ")}, got "${parsed.family}"`,
      );
    }
    validateModel(parsed);
    const classNames = dataset === undefined
      ? []
      : (parse(path, dataset) as { classNames: string[] }).classNames;
    return {
      file,
      config: parsed,
      classNames,
      step: step === undefined ? undefined : Number(step),
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

function parse(path: string, json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CheckpointError(`Cannot use ${path}: its metadata is broken`, { cause });
  }
}

const FLOATS = ["F32", "F16", "BF16", "F64"];

/**
 * Loads weights: a training checkpoint's average (`ema.`) or its last weights (`model.`), or a file of bare
 * `state_dict` names.
 *
 * @param average whether to take the average where there is one
 * @throws {CheckpointError} listing missing, unexpected and misshapen names
 */
export async function loadWeights(
  file: SafetensorsFile,
  params: ParamStore,
  average: boolean,
): Promise<void> {
  const names = [...file.tensors.keys()];
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix));
  const prefix = !has("model.") ? "" : average && has("ema.") ? "ema." : "model.";
  const own = names.filter((name) => name.startsWith(prefix));
  const shapes = new Map(own.map((name) => [name.slice(prefix.length), file.tensors.get(name)!.shape]));
  await params.load(shapes, async (name) => {
    const { dtype } = file.tensors.get(prefix + name)!;
    if (!FLOATS.includes(dtype)) {
      throw new CheckpointError(
        `Cannot load ${prefix + name} of ${file.path}: wanted a float dtype, got ${dtype}`,
      );
    }
    return await file.read(prefix + name) as HostArray;
  });
}
