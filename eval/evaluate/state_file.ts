/**
 * The state of an evaluation that goes on later: `state.npz` in its folder, replaced in one atomic step.
 *
 * @module
 */
import { CheckpointError } from "../../engine/core/errors.ts";
import { asFloat64 } from "../numpy/array.ts";
import { NumpyFile } from "../numpy/file.ts";
import { writeNpz } from "../numpy/write.ts";
import type { FeatureSums } from "./feature_sums.ts";
import type { FirstImages } from "./first_images.ts";
import { requireSameSettings, type Settings } from "./settings.ts";

/** The parts of an evaluation that are saved. */
export interface SavedParts {
  /** What was gathered of the images. */
  readonly sums: FeatureSums;
  /** The images of the picture. */
  readonly first: FirstImages;
}

/**
 * Saves the state.
 *
 * @param seconds that the evaluation has taken so far
 * @throws {CheckpointError} when the file cannot be written; an older one then stays as it is
 */
export async function saveState(
  path: string,
  settings: Settings,
  { sums, first }: SavedParts,
  seconds: number,
): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(settings));
  await writeNpz(
    path,
    new Map([
      ["settings", { shape: [bytes.length], data: bytes }],
      ["seconds", { shape: [], data: Float64Array.of(seconds) }],
      ...sums.arrays(),
      ["first", first.array()],
    ]),
  );
}

/**
 * Restores a state where there is one. Gives the seconds that the evaluation took before.
 *
 * @param folder that errors name
 * @throws {ConfigError} naming the first setting that differs
 * @throws {CheckpointError} when the file is broken
 */
export async function restoreState(
  path: string,
  folder: string,
  settings: Settings,
  { sums, first }: SavedParts,
): Promise<number> {
  if (!await isFile(path)) return 0;
  using file = await NumpyFile.open(path);
  requireSameSettings(folder, settings, settingsOf(file));
  sums.restore(file);
  first.restore(file, "first");
  return asFloat64(file.read("seconds"))[0];
}

/**
 * Checks, before anything is done, that a state where there is one is of these settings.
 *
 * @throws {ConfigError} naming the first setting that differs
 * @throws {CheckpointError} when the file is broken
 */
export async function checkState(path: string, folder: string, settings: Settings): Promise<void> {
  if (!await isFile(path)) return;
  using file = await NumpyFile.open(path);
  requireSameSettings(folder, settings, settingsOf(file));
}

function settingsOf(file: NumpyFile): Settings {
  try {
    return JSON.parse(new TextDecoder().decode(file.read("settings").data as Uint8Array));
  } catch (cause) {
    throw new CheckpointError(`Cannot use ${file.path} as the state of an evaluation: it is broken`, {
      cause,
    });
  }
}

/** Whether a file is there. */
export async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}
