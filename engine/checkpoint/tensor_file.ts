import type { SafetensorsData } from "./elements.ts";
import { openSafetensors } from "./safetensors.ts";
import type { SafetensorsDType } from "./safetensors_header.ts";
import { openTorch } from "./torch.ts";

/** An open file of named tensors, whatever its format. */
export interface TensorFile extends Disposable {
  /** Path of the file, or what stands for it in errors. */
  readonly path: string;
  /** Tensors by name, in the order of the file. */
  readonly tensors: ReadonlyMap<
    string,
    { readonly dtype: SafetensorsDType; readonly shape: readonly number[] }
  >;
  /** One tensor, row-major, in a type of the engine. */
  read(name: string): Promise<SafetensorsData>;
  /** The bytes of one tensor, row-major and little-endian. */
  readBytes(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** Whether a path is that of a PyTorch file, by its extension. */
export function isTorchPath(path: string): boolean {
  return /\.(?:pt|pth|ckpt|bin)$/i.test(path);
}

/**
 * Opens a checkpoint: PyTorch's format for `.pt`, `.pth`, `.ckpt` and `.bin`, safetensors for any other.
 *
 * @throws {CheckpointError} when the file is missing, broken or hostile
 */
export async function openTensorFile(path: string): Promise<TensorFile> {
  return isTorchPath(path) ? await openTorch(path) : await openSafetensors(path);
}
