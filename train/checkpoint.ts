import { type SafetensorsFile, writeSafetensors } from "../engine/checkpoint/safetensors.ts";
import type { SafetensorsEntry } from "../engine/checkpoint/safetensors.ts";
import { type HostArray, hostArray } from "../engine/core/dtype.ts";
import { CheckpointError } from "../engine/core/errors.ts";
import type { Shape } from "../engine/core/shape.ts";
import { byteLength, makeSpec } from "../engine/core/spec.ts";
import type { ParamStore, StateEntry } from "../engine/params/param_store.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { TrainConfig } from "./config.ts";
import type { AdamW } from "./optimizer.ts";

/** Name of the format in a checkpoint's metadata. */
export const FORMAT = "tessera-train-1";

/** What a checkpoint says besides its tensors. */
export interface CheckpointInfo {
  /** Finished optimizer steps. */
  readonly step: number;
  /** The run's configuration. */
  readonly config: TrainConfig;
  /** The images that it was trained on. */
  readonly dataset: {
    readonly name: string;
    readonly classNames: readonly string[];
    readonly digest: string;
  };
  /** Kind of the device that wrote it: bit-equality holds on one device. */
  readonly device: string;
}

/** Where each kind of state is in a file, and the tensor that holds it: `ema.blocks.0.attn.qkv.weight`. */
interface Section {
  readonly prefix: string;
  readonly tensor: Tensor;
  /** Elements of one `state_dict` entry: its shape and its range. */
  readonly entries: readonly StateEntry[];
}

/** All state of a run under the reference's names: stacked experts are split here, and stacked again on loading. */
function sectionsOf(params: ParamStore, optimizer: AdamW): Section[] {
  const sections: Section[] = [];
  for (const parameter of params.all) {
    const entries = parameter.entries();
    const push = (prefix: string, tensor: Tensor, own: readonly StateEntry[] = entries) =>
      sections.push({ prefix, tensor, entries: own });
    push("model", parameter.tensor);
    const average = optimizer.ema.get(parameter);
    if (average) push("ema", average);
    const second = optimizer.ema2.get(parameter);
    if (second) push("ema2", second);
    const state = optimizer.states.get(parameter);
    if (!state) continue;
    const small = (shape: Shape, size: number) =>
      entries.map(({ name }, e) => ({ name, shape, begin: e * size, end: (e + 1) * size }));
    push("exp_avg", state.m);
    push("exp_avg_sq", state.v);
    push("step", state.steps, small([], 1));
    push("bias_correction", state.correction, small([2], 2));
  }
  const { lossScale } = optimizer;
  const number = (name: string, tensor: Tensor): Section => {
    const entries = [{ name, shape: tensor.shape, begin: 0, end: 1 }];
    return { prefix: "loss_scale", tensor, entries };
  };
  if (lossScale) sections.push(number("scale", lossScale.scale), number("good_steps", lossScale.good));
  return sections;
}

/**
 * Writes weights, averages, moments, step counters and configuration; the file appears whole or not at all.
 *
 * @throws {CheckpointError} when the file cannot be written; an older file then stays as it is
 */
export async function saveCheckpoint(
  path: string,
  params: ParamStore,
  optimizer: AdamW,
  info: CheckpointInfo,
): Promise<void> {
  const sections = sectionsOf(params, optimizer);
  const values = readAhead(sections.map(({ tensor }) => tensor));
  const entries = sections.flatMap(({ prefix, tensor, entries }, section) =>
    entries.map(({ name, shape, begin, end }): SafetensorsEntry => ({
      name: `${prefix}.${name}`,
      spec: makeSpec(tensor.dtype, shape),
      data: async () => (await values(section)).slice(begin, end) as HostArray,
    }))
  );
  await writeSafetensors(path, entries, {
    format: FORMAT,
    step: String(info.step),
    device: info.device,
    config: JSON.stringify(info.config),
    dataset: JSON.stringify(info.dataset),
  });
}

/** Bytes that may be on their way from the device at once. */
const READ_AHEAD_BYTES = 64 * 2 ** 20;

/**
 * Reads tensors in order, with the next ones already under way: on WebGPU a read takes 11 ms however small, and many
 * at once take no longer.
 */
function readAhead(tensors: readonly Tensor[]): (index: number) => Promise<HostArray> {
  const pending = new Map<number, Promise<HostArray>>();
  return (index) => {
    for (const done of pending.keys()) if (done < index) pending.delete(done);
    let bytes = 0;
    for (let i = index; i < tensors.length && (i === index || bytes < READ_AHEAD_BYTES); i++) {
      bytes += byteLength(tensors[i].spec);
      if (!pending.has(i)) pending.set(i, tensors[i].read());
    }
    return pending.get(index)!;
  };
}

/**
 * Reads what a training checkpoint says about itself.
 *
 * @throws {CheckpointError} when it is not one
 */
export function checkpointInfo(file: SafetensorsFile): CheckpointInfo {
  const { format, step, device, config, dataset } = file.metadata;
  if (format !== FORMAT) {
    throw new CheckpointError(
      `Cannot use ${file.path}: wanted a training checkpoint (format ${FORMAT}), got format ${
        format ?? "none"
      }`,
    );
  }
  try {
    return { step: Number(step), device, config: JSON.parse(config), dataset: JSON.parse(dataset) };
  } catch (cause) {
    throw new CheckpointError(`Cannot use ${file.path}: its metadata is broken`, { cause });
  }
}

/**
 * Loads all state of a run.
 *
 * @throws {CheckpointError} when the file is broken or belongs to another model
 */
export async function loadCheckpoint(
  file: SafetensorsFile,
  params: ParamStore,
  optimizer: AdamW,
): Promise<CheckpointInfo> {
  const info = checkpointInfo(file);
  const sections = sectionsOf(params, optimizer);
  const want = sections.flatMap(({ prefix, entries }) => entries.map(({ name }) => `${prefix}.${name}`));
  const missing = want.filter((name) => !file.tensors.has(name));
  if (missing.length > 0 || file.tensors.size !== want.length) {
    throw new CheckpointError(
      `Cannot resume from ${file.path}: it belongs to another model, ${missing.length} of ${want.length} tensors ` +
        `are missing and ${file.tensors.size - want.length + missing.length} are unknown`,
    );
  }
  for (const { prefix, tensor, entries } of sections) await fill(file, prefix, tensor, entries);
  return info;
}

async function fill(
  file: SafetensorsFile,
  prefix: string,
  tensor: Tensor,
  entries: readonly StateEntry[],
): Promise<void> {
  const values = hostArray(tensor.dtype, tensor.size);
  for (const { name, begin, end } of entries) {
    const { dtype } = file.tensors.get(`${prefix}.${name}`)!;
    const data = await file.read(`${prefix}.${name}`);
    if (dtype !== tensor.dtype.toUpperCase() || data.length !== end - begin) {
      throw new CheckpointError(
        `Cannot resume from ${file.path}: ${prefix}.${name} is ${dtype} with ${data.length} values, wanted ` +
          `${tensor.dtype.toUpperCase()} with ${end - begin}`,
      );
    }
    values.set(data, begin);
  }
  tensor.write(values);
}
