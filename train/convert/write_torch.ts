import { PickleDict, PickleTuple, type PickleValue } from "../../engine/checkpoint/pickle_values.ts";
import { TorchData, writeTorch } from "../../engine/checkpoint/torch_writer.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { TORCH_EXTRA_KEY } from "../../models/about.ts";
import type { SectionName } from "../../models/sections.ts";
import { isBuffer, isJitState, optimizerGroups, stateDictOrder } from "./order.ts";
import { AVERAGED_BUFFERS, type CheckpointState, type StateTensor } from "./state.ts";

/** Keys of the trainers' dicts. */
const KEYS: Readonly<Record<SectionName, string>> = { model: "model", ema: "ema", ema2: "ema2" };
const JIT_KEYS: Readonly<Record<SectionName, string>> = {
  model: "model",
  ema: "model_ema1",
  ema2: "model_ema2",
};

/**
 * Writes a checkpoint in the layout of the reference's trainer: `model`, `ema`, `opt`, `args`, or for JiT `model`,
 * `optimizer`, `epoch`, `args`, `model_ema1`, `model_ema2` with names below `net.`. A `state_dict` and nothing else stays
 * one. What PyTorch has no place for is kept under the key `tessera`.
 *
 * @param names the model's own names in their order, where it is known
 * @throws {CheckpointError} when the file cannot be written, a tensor is damaged or has a dtype that PyTorch has not
 */
export async function writeTorchState(
  path: string,
  state: CheckpointState,
  names: readonly string[] | undefined,
): Promise<void> {
  const weights = state.sections.get("model");
  if (state.bare) return await writeTorch(path, stateDict(weights!, weights!.keys(), ""));
  const jit = isJitState(weights ?? [...state.sections.values()][0]);
  const [keys, prefix] = jit ? [JIT_KEYS, "net."] : [KEYS, ""];
  const root = new PickleDict();
  for (const [section, tensors] of state.sections) {
    const order = stateDictOrder(names ?? (weights ?? tensors).keys());
    const own = order.filter((name) => tensors.has(name) || (isBuffer(name) && weights?.has(name)));
    // Averages without buffers take those of the last step, as the trainers do.
    root.set(
      keys[section],
      stateDict({ get: (name) => tensors.get(name) ?? weights?.get(name) }, own, prefix),
    );
  }
  if (state.moments.size > 0 && weights) {
    const shapes = new Map(
      stateDictOrder(names ?? weights.keys()).map((
        name,
      ): [string, Shape] => [name, weights.get(name)!.shape]),
    );
    root.set(jit ? "optimizer" : "opt", optimizerDict(state, optimizerGroups(shapes, jit)));
  }
  if (state.epoch !== undefined || jit) root.set("epoch", state.epoch ?? 0);
  root.set("args", pickled(argsOf(state)));
  if (Object.keys(state.metadata).length > 0 || state.extra.size > 0) {
    root.set(TORCH_EXTRA_KEY, extraDict(state));
  }
  await writeTorch(path, root);
}

function stateDict(
  tensors: { get(name: string): StateTensor | undefined },
  names: Iterable<string>,
  prefix: string,
): PickleDict {
  const dict = new PickleDict("collections.OrderedDict");
  for (const name of names) dict.set(prefix + name, dataOf(tensors.get(name)!));
  return dict;
}

function dataOf({ dtype, shape, bytes }: StateTensor): TorchData {
  return new TorchData(dtype, shape, bytes);
}

/** The `state_dict` of `torch.optim.AdamW`. A parameter that has had no gradient yet has no entry. */
function optimizerDict(state: CheckpointState, groups: readonly string[][]): PickleDict {
  const [root, states] = [new PickleDict(), new PickleDict()];
  const list: PickleValue[] = [];
  let id = 0;
  groups.forEach((names, g) => {
    const params: number[] = [];
    for (const name of names) {
      const own = state.moments.get(name);
      if (own) {
        const entry = new PickleDict();
        entry.set("step", dataOf(floatCounter(own.step)));
        entry.set("exp_avg", dataOf(own.exp_avg));
        entry.set("exp_avg_sq", dataOf(own.exp_avg_sq));
        states.set(id, entry);
      }
      params.push(id++);
    }
    const group = new PickleDict();
    for (const [name, value] of Object.entries(hyperParameters(state, g, groups.length))) {
      group.set(name, name === "betas" ? new PickleTuple(value as number[]) : pickled(value));
    }
    group.set("params", params);
    list.push(group);
  });
  root.set("state", states);
  root.set("param_groups", list);
  return root;
}

/** A counter as PyTorch has it: f32, exact up to 2^24 steps. */
function floatCounter(step: StateTensor): StateTensor {
  if (step.dtype !== "U32") return step;
  const bytes = async () => {
    const { buffer } = await step.bytes();
    return new Uint8Array(Float32Array.from(new Uint32Array(buffer)).buffer);
  };
  return { dtype: "F32", shape: step.shape, bytes };
}

const FLAGS = {
  amsgrad: false,
  maximize: false,
  foreach: null,
  capturable: false,
  differentiable: false,
  fused: null,
  decoupled_weight_decay: true,
};

interface Optim {
  readonly lr?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weight_decay?: number;
}

/** PyTorch's own defaults where the file does not tell. */
function hyperParameters(state: CheckpointState, group: number, groups: number): Record<string, unknown> {
  if (state.groups.length === groups) return { ...state.groups[group] };
  const { optim = {} } = argsOf(state) as { optim?: Optim };
  // The first of JiT's two groups is the one without decay.
  const decay = groups > 1 && group === 0 ? 0 : optim.weight_decay ?? 0.01;
  return {
    lr: optim.lr ?? 1e-3,
    betas: [optim.beta1 ?? 0.9, optim.beta2 ?? 0.999],
    eps: optim.eps ?? 1e-8,
    weight_decay: decay,
    ...FLAGS,
  };
}

/** The trainer's `args`: of a checkpoint of this project, its configuration. */
function argsOf({ metadata, args }: CheckpointState): Readonly<Record<string, unknown>> {
  return Object.keys(args).length > 0 || metadata.config === undefined ? args : JSON.parse(metadata.config);
}

function extraDict({ metadata, extra, sections }: CheckpointState): PickleDict {
  const dict = new PickleDict();
  dict.set("metadata", pickled(metadata));
  const average = sections.get("ema");
  dict.set(AVERAGED_BUFFERS, average === undefined || [...average.keys()].some(isBuffer));
  for (const [name, tensor] of extra) {
    const dot = name.indexOf(".");
    const section = name.slice(0, dot);
    const own = dict.get(section) as PickleDict | undefined ?? new PickleDict();
    dict.set(section, own);
    own.set(name.slice(dot + 1), dataOf(tensor));
  }
  return dict;
}

/** JSON as a pickle has it. */
function pickled(value: unknown): PickleValue {
  if (Array.isArray(value)) return value.map(pickled);
  if (typeof value !== "object" || value === null) return value as PickleValue;
  const dict = new PickleDict();
  for (const [key, item] of Object.entries(value)) dict.set(key, pickled(item));
  return dict;
}
