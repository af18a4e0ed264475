import type { TensorFile } from "../../engine/checkpoint/tensor_file.ts";
import type { SafetensorsDType } from "../../engine/checkpoint/safetensors.ts";
import type { Shape } from "../../engine/core/shape.ts";
import type { SectionName } from "../../models/sections.ts";

/** A tensor of a checkpoint that is being converted; its bytes are read when their turn has come. */
export interface StateTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: Shape;
  /** Row-major, little-endian. */
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>;
}

/** What AdamW keeps of one `state_dict` entry. */
export interface Moments {
  readonly exp_avg: StateTensor;
  readonly exp_avg_sq: StateTensor;
  /** Updates so far, a whole number in any dtype. */
  readonly step: StateTensor;
}

/** A checkpoint apart from its format. */
export interface CheckpointState {
  /** Weights by the reference's names. */
  readonly sections: ReadonlyMap<SectionName, ReadonlyMap<string, StateTensor>>;
  /** Whether the file is a `state_dict` and nothing else; its names are then kept as they are. */
  readonly bare: boolean;
  readonly moments: ReadonlyMap<string, Moments>;
  /** Hyper-parameters of the optimizer's groups, where the file has them. */
  readonly groups: readonly Readonly<Record<string, unknown>>[];
  /** Tensors of this project that PyTorch's optimizer does not have, by section and name. */
  readonly extra: ReadonlyMap<string, StateTensor>;
  /** Metadata of this project's checkpoints. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly args: Readonly<Record<string, unknown>>;
  readonly epoch: number | undefined;
  /** Tensors that have no place in the other format. */
  readonly leftOut: readonly string[];
}

/** Sections of this project's checkpoints that PyTorch has no place for. */
const EXTRA_SECTIONS: readonly string[] = ["bias_correction", "loss_scale"];

/** Whether a tensor is in such a section. */
export function isExtra(name: string, prefix = ""): boolean {
  return EXTRA_SECTIONS.some((section) => name.startsWith(`${prefix}${section}.`));
}

/** A tensor of an open file. */
export function tensorOf(file: TensorFile, name: string): StateTensor {
  const { dtype, shape } = file.tensors.get(name)!;
  return { dtype, shape, bytes: () => file.readBytes(name) };
}

/**
 * Key beside the metadata that a PyTorch checkpoint keeps: whether the averages hold buffers of their own. The trainers
 * want them there in any case.
 */
export const AVERAGED_BUFFERS = "averaged_buffers";
