import { sha256OfFile } from "../../engine/checkpoint/file_digest.ts";
import { fetchFromHub, isHubPath } from "../../engine/checkpoint/hub.ts";
import { openTensorFile } from "../../engine/checkpoint/tensor_file.ts";
import type { Shape } from "../../engine/core/shape.ts";
import type { Device } from "../../engine/device/device.ts";
import { assertStateOf, readFloats } from "../state_file.ts";
import { InceptionV3 } from "./inception.ts";

/** The network with its weights on a device; disposing it releases them. */
export interface OpenInception extends Disposable {
  /** The network. */
  readonly model: InceptionV3;
  /** SHA-256 of the weights file, for reports. */
  readonly sha256: string;
  /** The weights file, as it was asked for. */
  readonly path: string;
}

/** Counters of training, which some files have and nothing uses. */
const COUNTER = /\.bn\.num_batches_tracked$/;

/**
 * Opens Inception's weights as pytorch-fid and torch-fidelity publish them: safetensors, `.pt`, `.pth`, or
 * `hub:OWNER/REPO/FILE`.
 *
 * @throws {CheckpointError} in one line: the file is broken, cannot be had, or is not this network; missing, unexpected
 *   and misshapen tensors are listed
 */
export async function openInception(device: Device, path: string): Promise<OpenInception> {
  const local = isHubPath(path) ? await fetchFromHub(path) : path;
  using file = await openTensorFile(local);
  const model = new InceptionV3();
  const shapes = new Map<string, Shape>(
    [...file.tensors].filter(([name]) => !COUNTER.test(name)).map(([name, { shape }]) => [name, shape]),
  );
  assertStateOf(file.path, "the Inception v3 of FID", model.params.stateShapes(), shapes);
  model.folded.allocate(device);
  try {
    await model.load((name) => readFloats(file, name));
    const sha256 = await sha256OfFile(local);
    return { model, sha256, path, [Symbol.dispose]: () => model.folded[Symbol.dispose]() };
  } catch (error) {
    model.folded[Symbol.dispose]();
    throw error;
  }
}
