import { type RawSafetensorsEntry, writeSafetensors } from "../../engine/checkpoint/safetensors.ts";
import type { ModelConfig } from "../../models/create.ts";
import type { CheckpointState, StateTensor } from "./state.ts";

/**
 * Writes a checkpoint under the names of this project.
 *
 * @param config the model, where it is known
 * @throws {CheckpointError} when the file cannot be written or a tensor is damaged
 */
export async function writeSafetensorsState(
  path: string,
  state: CheckpointState,
  config: ModelConfig | undefined,
): Promise<void> {
  const entries: RawSafetensorsEntry[] = [];
  for (const [section, tensors] of state.sections) {
    for (const [name, tensor] of tensors) {
      entries.push({ name: state.bare ? name : `${section}.${name}`, ...tensor });
    }
  }
  for (const [name, { exp_avg, exp_avg_sq, step }] of state.moments) {
    entries.push({ name: `exp_avg.${name}`, ...exp_avg });
    entries.push({ name: `exp_avg_sq.${name}`, ...exp_avg_sq });
    entries.push({ name: `step.${name}`, ...counter(step) });
  }
  for (const [name, tensor] of state.extra) entries.push({ name, ...tensor });
  await writeSafetensors(path, entries, metadataOf(state, config));
}

function metadataOf(state: CheckpointState, config: ModelConfig | undefined): Record<string, string> {
  const { metadata, args, epoch, groups } = state;
  // What `train` wrote says all of it.
  if (metadata.config !== undefined) return { ...metadata };
  return {
    ...metadata,
    ...config && { config: JSON.stringify(config) },
    ...Object.keys(args).length > 0 && { args: JSON.stringify(args) },
    ...epoch !== undefined && { epoch: String(epoch) },
    ...groups.length > 0 && { param_groups: JSON.stringify(groups) },
  };
}

/** A step counter of PyTorch (f32, or a whole number in old files) as one of this project. */
function counter(step: StateTensor): StateTensor {
  if (step.dtype === "U32") return step;
  return {
    dtype: "U32",
    shape: step.shape,
    bytes: async () => {
      const { buffer } = await step.bytes();
      const value = step.dtype === "F32" ? new Float32Array(buffer)[0] : Number(new BigInt64Array(buffer)[0]);
      return new Uint8Array(Uint32Array.of(value).buffer);
    },
  };
}
