import type { TensorFile } from "../engine/checkpoint/tensor_file.ts";
import type { HostArray } from "../engine/core/dtype.ts";
import { CheckpointError } from "../engine/core/errors.ts";
import type { Shape } from "../engine/core/shape.ts";
import { assertSameState } from "../engine/params/param_store.ts";

const FLOATS = ["F32", "F16", "BF16", "F64"];

/**
 * Reads weights as f32.
 *
 * @throws {CheckpointError} when the tensor holds anything but floats, or cannot be read
 */
export async function readFloats(file: TensorFile, name: string): Promise<Float32Array<ArrayBuffer>> {
  const { dtype } = file.tensors.get(name)!;
  if (!FLOATS.includes(dtype)) {
    throw new CheckpointError(`Cannot load ${name} of ${file.path}: wanted a float dtype, got ${dtype}`);
  }
  return await file.read(name) as HostArray as Float32Array<ArrayBuffer>;
}

/**
 * Compares names and shapes of a model with those of a file.
 *
 * @param what the model, for the error: `an Inception v3`
 * @throws {CheckpointError} naming the file and listing missing, unexpected and misshapen names together
 */
export function assertStateOf(
  path: string,
  what: string,
  want: ReadonlyMap<string, Shape>,
  got: ReadonlyMap<string, Shape>,
): void {
  try {
    assertSameState(want, got);
  } catch (cause) {
    const { message } = cause as Error;
    const defect = message.slice(message.indexOf(":") + 2);
    throw new CheckpointError(`Cannot use ${path} as ${what}: ${defect}`, { cause });
  }
}
