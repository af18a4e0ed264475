import { fromFileUrl } from "@std/path";
import {
  openSafetensors,
  type SafetensorsEntry,
  writeSafetensors,
} from "../../engine/checkpoint/safetensors.ts";
import { dtypeOf, type HostArray } from "../../engine/core/dtype.ts";

/** Folder of the golden files that belong to the project. */
export const GOLDENS: string = fromFileUrl(new URL("./goldens/", import.meta.url));

/** Path of one of them. */
export function goldenPath(name: string): string {
  return `${GOLDENS}${name}.safetensors`;
}

/** What differs in a copy of a golden file. */
export interface Alteration {
  /** Changes the values of a tensor, in place. */
  readonly values?: (name: string, data: HostArray) => void;
  // deno-lint-ignore no-explicit-any
  readonly config?: (config: any) => void;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly without?: string;
  readonly added?: readonly SafetensorsEntry[];
}

/** Writes a copy of a golden file with something wrong in it. */
export async function alter(name: string, path: string, alteration: Alteration): Promise<void> {
  using file = await openSafetensors(goldenPath(name));
  const entries: SafetensorsEntry[] = [...alteration.added ?? []];
  for (const [tensor, { shape }] of file.tensors) {
    if (tensor === alteration.without) continue;
    const data = await file.read(tensor) as HostArray;
    alteration.values?.(tensor, data);
    entries.push({ name: tensor, spec: { dtype: dtypeOf(data), shape }, data });
  }
  const config = JSON.parse(file.metadata.config);
  alteration.config?.(config);
  const metadata = { ...file.metadata, config: JSON.stringify(config), ...alteration.metadata };
  await writeSafetensors(path, entries, metadata);
}
