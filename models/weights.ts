import { fetchFromHub, isHubPath } from "../engine/checkpoint/hub.ts";
import { openTensorFile, type TensorFile } from "../engine/checkpoint/tensor_file.ts";
import { CheckpointError } from "../engine/core/errors.ts";
import type { ParamStore } from "../engine/params/param_store.ts";
import { aboutFile, modelConfigOf, parseJson, recogniseFile } from "./about.ts";
import type { ModelConfig } from "./create.ts";
import { weightSections } from "./sections.ts";
import { readFloats } from "./state_file.ts";

/** An open checkpoint and the model that it holds. */
export interface ModelCheckpoint extends Disposable {
  /** The open file. */
  readonly file: TensorFile;
  /** The model that it holds. */
  readonly config: ModelConfig;
  /** The preset that it was taken for by names and shapes, where the file does not tell by itself. */
  readonly recognised?: string;
  /** Names of the classes, where the file tells. */
  readonly classNames: readonly string[];
  /** Finished optimizer steps, where the file tells. */
  readonly step: number | undefined;
}

/**
 * Opens a checkpoint: one that was written by `train`, a safetensors file of bare `state_dict` names, a PyTorch file
 * (`.pt`, `.pth`) in the layouts of the reference, or `hub:OWNER/REPO/FILE`, any of these from the Hugging Face hub.
 *
 * @throws {CheckpointError} when the file is broken or hostile, the hub cannot be reached, or names and shapes do not tell
 *   which model it holds
 */
export async function openModelCheckpoint(path: string): Promise<ModelCheckpoint> {
  const file = await openTensorFile(isHubPath(path) ? await fetchFromHub(path) : path);
  try {
    const { config, dataset, step } = aboutFile(file).metadata;
    const { config: model, preset } = config === undefined
      ? recogniseFile(file)
      : { config: modelConfigOf(file.path, config), preset: undefined };
    const classNames = dataset === undefined
      ? []
      : (parseJson(file.path, dataset) as { classNames: string[] }).classNames;
    return {
      file,
      config: model,
      ...preset !== undefined && { recognised: preset },
      classNames,
      step: step === undefined ? undefined : Number(step),
      [Symbol.dispose]: () => file[Symbol.dispose](),
    };
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** Which weights of a training checkpoint: the average, the second average, or the weights of the last step. */
export type WeightsName = "ema" | "ema2" | "last";

/** Names that `--weights` takes. */
export const WEIGHTS_NAMES: readonly WeightsName[] = ["ema", "ema2", "last"];

/**
 * Loads weights: a checkpoint's average, second average or last weights in any of the layouts of `weightSections()`, or a
 * file of bare `state_dict` names. A checkpoint without the first average gives its last weights; buffers that were not averaged are
 * those of the last step.
 *
 * @throws {CheckpointError} listing missing, unexpected and misshapen names, or when there is no second average
 */
export async function loadWeights(
  file: TensorFile,
  params: ParamStore,
  weights: WeightsName,
): Promise<void> {
  const places = placesOf(file, params, weights);
  const shapes = new Map([...places].map(([name, place]) => [name, file.tensors.get(place)!.shape]));
  await params.load(shapes, (name) => readFloats(file, places.get(name)!));
}

/** Where in the file each `state_dict` entry is. */
function placesOf(file: TensorFile, params: ParamStore, weights: WeightsName): Map<string, string> {
  const sections = weightSections(file.tensors.keys());
  const last = sections.get("model");
  const average = weights === "last" ? undefined : sections.get(weights);
  if (weights === "ema2" && !average) {
    throw new CheckpointError(`Cannot use ${file.path} with --weights ema2: it has no second average`);
  }
  if (!average && !last) {
    throw new CheckpointError(
      `Cannot use ${file.path} with --weights ${weights}: it has only ${[...sections.keys()].join(", ")}`,
    );
  }
  const places = new Map(average ?? last);
  for (const { name } of params.all.filter(({ kind }) => kind === "buffer")) {
    const place = last?.get(name);
    if (place !== undefined && !places.has(name)) places.set(name, place);
  }
  return places;
}
