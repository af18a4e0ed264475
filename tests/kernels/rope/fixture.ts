import { openSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import type { HostArray } from "../../../engine/core/dtype.ts";
import type { Shape } from "../../../engine/core/shape.ts";
import { PARITY_FOLDER } from "../../devices.ts";

/** A tensor of a golden file. */
export interface Golden {
  readonly shape: Shape;
  readonly data: HostArray;
}

/** All tensors of a golden file of the reference implementation, and the arguments of its component. */
export interface Fixture {
  readonly args: Readonly<Record<string, number>>;
  readonly tensors: ReadonlyMap<string, Golden>;
}

/** Reads `NAME.safetensors` of the parity folder. */
export async function readFixture(name: string): Promise<Fixture> {
  using file = await openSafetensors(new URL(`${name}.safetensors`, PARITY_FOLDER).pathname);
  const tensors = new Map<string, Golden>();
  for (const [key, { shape }] of file.tensors) {
    tensors.set(key, { shape, data: await file.read(key) as HostArray });
  }
  return { args: JSON.parse(file.metadata.config).args, tensors };
}
