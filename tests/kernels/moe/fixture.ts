import type { HostArray } from "../../../engine/core/dtype.ts";
import type { Shape } from "../../../engine/core/shape.ts";
import { openSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import { PARITY_FOLDER, parityAvailable } from "../../devices.ts";

/** A golden file: its tensors by name, and the arguments that made it. */
export interface Fixture {
  // deno-lint-ignore no-explicit-any
  readonly args: Readonly<Record<string, any>>;
  readonly tensors: ReadonlyMap<string, { readonly shape: Shape; readonly data: HostArray }>;
}

/** Names of the golden files that begin with `prefix`; none, said aloud, where the folder is missing. */
export function fixtureNames(prefix: string): string[] {
  if (!parityAvailable) {
    // deno-lint-ignore no-console
    console.warn(`SKIPPED: golden files ${prefix}*: there is no folder ${PARITY_FOLDER.pathname}`);
    return [];
  }
  return [...Deno.readDirSync(PARITY_FOLDER)].map(({ name }) => name)
    .filter((name) => name.startsWith(prefix) && name.endsWith(".safetensors")).sort();
}

/** Reads a golden file. */
export async function readFixture(name: string): Promise<Fixture> {
  using file = await openSafetensors(new URL(name, PARITY_FOLDER).pathname);
  const tensors = new Map<string, { shape: Shape; data: HostArray }>();
  for (const [key, { shape }] of file.tensors) {
    tensors.set(key, { shape, data: await file.read(key) as HostArray });
  }
  return { args: JSON.parse(file.metadata.config).args, tensors };
}
