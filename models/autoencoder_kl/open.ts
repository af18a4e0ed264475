import { sha256OfFile } from "../../engine/checkpoint/file_digest.ts";
import { fetchFromHub, isHubPath } from "../../engine/checkpoint/hub.ts";
import { SafetensorsFile } from "../../engine/checkpoint/safetensors.ts";
import { openTensorFile, type TensorFile } from "../../engine/checkpoint/tensor_file.ts";
import { CheckpointError, ConfigError } from "../../engine/core/errors.ts";
import type { Shape } from "../../engine/core/shape.ts";
import type { Device } from "../../engine/device/device.ts";
import { assertStateOf, readFloats } from "../state_file.ts";
import { AutoencoderKL } from "./autoencoder_kl.ts";
import type { AutoencoderConfig } from "./config.ts";
import { autoencoderPlaces, type StatePlace } from "./names.ts";
import { autoencoderConfigOf } from "./recognise.ts";

/** An autoencoder with its weights on a device; disposing it releases them. */
export interface OpenAutoencoder extends Disposable {
  /** The network. */
  readonly model: AutoencoderKL;
  /** SHA-256 of the weights file, for reports. */
  readonly sha256: string;
  /** The weights file, as it was asked for. */
  readonly path: string;
}

/**
 * Opens an autoencoder's weights: safetensors, PyTorch's format (`.pt`, `.pth`, `.ckpt`, `.bin`), or
 * `hub:OWNER/REPO/FILE`, under today's names of diffusers, its older ones, or those of the original code. Sizes are read
 * off the shapes; groups and scaling are Stable Diffusion's unless the file's metadata has a `config`.
 *
 * @throws {CheckpointError} in one line: the file is broken, cannot be had, or is no autoencoder; missing, unexpected and
 *   misshapen tensors are listed
 */
export async function openAutoencoder(device: Device, path: string): Promise<OpenAutoencoder> {
  const local = isHubPath(path) ? await fetchFromHub(path) : path;
  using file = await openTensorFile(local);
  const places = placesOf(file);
  const shapes = new Map([...places].map(([name, { shape }]) => [name, shape]));
  const model = modelOf(file, shapes);
  const { params } = model;
  assertStateOf(file.path, "an autoencoder", params.stateShapes(), shapes);
  params.allocate(device);
  try {
    await params.load(shapes, (name) => readFloats(file, places.get(name)!.place));
    const sha256 = await sha256OfFile(local);
    return { model, sha256, path, [Symbol.dispose]: () => params[Symbol.dispose]() };
  } catch (error) {
    params[Symbol.dispose]();
    throw error;
  }
}

function placesOf(file: TensorFile): Map<string, StatePlace> {
  const shapes = new Map<string, Shape>([...file.tensors].map(([name, { shape }]) => [name, shape]));
  return autoencoderPlaces(shapes, file.path);
}

function modelOf(file: TensorFile, shapes: ReadonlyMap<string, Shape>): AutoencoderKL {
  const metadata = file instanceof SafetensorsFile ? file.metadata.config : undefined;
  const config: AutoencoderConfig = autoencoderConfigOf(shapes, metadata, file.path);
  try {
    return new AutoencoderKL(config);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CheckpointError(`Cannot use ${file.path} as an autoencoder: ${cause.message}`, { cause });
  }
}
