import { type SafetensorsEntry, writeSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { formulaWeights } from "../../../eval/parity/formula.ts";
import { InceptionV3 } from "../../../models/inception/mod.ts";

/** All 472 tensors of the network, by formula; made when they are written. */
export function formulaEntries(): SafetensorsEntry[] {
  return [...new InceptionV3().params.stateShapes()].map(([name, shape]) => ({
    name,
    spec: f32(...shape),
    data: () => formulaWeights(name, shape),
  }));
}

/** Runs `body` with the path of a file of these entries. */
export async function withWeights(
  entries: readonly SafetensorsEntry[],
  body: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await writeSafetensors(path, entries);
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}
