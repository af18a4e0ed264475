import { plainData } from "../../engine/checkpoint/pickle_data.ts";
import { PickleDict, type PickleValue } from "../../engine/checkpoint/pickle_values.ts";
import type { TorchFile } from "../../engine/checkpoint/torch.ts";
import { CheckpointError } from "../../engine/core/errors.ts";
import { sameShape, type Shape } from "../../engine/core/shape.ts";
import { aboutFile, entryOf, TORCH_EXTRA_KEY } from "../../models/about.ts";
import { weightSections } from "../../models/sections.ts";
import { isBuffer, isJitState, optimizerGroups } from "./order.ts";
import {
  AVERAGED_BUFFERS,
  type CheckpointState,
  isExtra,
  type Moments,
  type StateTensor,
  tensorOf,
} from "./state.ts";

/** Where the trainers keep their optimizer. */
const OPTIMIZERS = ["opt", "optimizer"];

/**
 * Reads what a PyTorch file holds: a checkpoint of the reference's trainers or of `convert`, or a bare `state_dict`.
 *
 * @throws {CheckpointError} when its optimizer does not fit its weights
 */
export function readTorchState(file: TorchFile): CheckpointState {
  const names = [...file.tensors.keys()];
  const bare = !names.some((name) => /^(?:model|ema|ema2|model_ema1|model_ema2)\./.test(name));
  const places = bare
    ? new Map([["model" as const, new Map(names.map((name) => [name, name]))]])
    : weightSections(names);
  const averaged = entryOf(entryOf(file.value, TORCH_EXTRA_KEY), AVERAGED_BUFFERS) !== false;
  const sections = new Map(
    [...places].map(([section, own]) => [
      section,
      new Map(
        [...own].filter(([name]) => section === "model" || averaged || !isBuffer(name))
          .map(([name, place]): [string, StateTensor] => [name, tensorOf(file, place)]),
      ),
    ]),
  );
  const key = bare ? undefined : OPTIMIZERS.find((name) => entryOf(file.value, name) instanceof PickleDict);
  const optimizer = key === undefined ? undefined : optimizerOf(file, key, sections.get("model"));
  const extra = bare ? [] : names.filter((name) => isExtra(name, `${TORCH_EXTRA_KEY}.`));
  const used = new Set([...[...places.values()].flatMap((own) => [...own.values()]), ...extra]);
  const { metadata, args } = aboutFile(file);
  const epoch = entryOf(file.value, "epoch");
  return {
    sections,
    bare,
    moments: optimizer?.moments ?? new Map(),
    groups: optimizer?.groups ?? [],
    extra: new Map(
      extra.map((name) => [name.slice(TORCH_EXTRA_KEY.length + 1), tensorOf(file, name)]),
    ),
    metadata,
    args,
    epoch: typeof epoch === "number" ? epoch : undefined,
    leftOut: names.filter((name) => !used.has(name) && !(key && name.startsWith(`${key}.state.`))),
  };
}

interface Optimizer {
  readonly moments: ReadonlyMap<string, Moments>;
  readonly groups: readonly Readonly<Record<string, unknown>>[];
}

/** Gives the numbers of an AdamW `state_dict` back their names. */
function optimizerOf(
  file: TorchFile,
  key: string,
  weights: ReadonlyMap<string, StateTensor> | undefined,
): Optimizer {
  const refuse = (defect: string): never => {
    throw new CheckpointError(`Cannot convert ${file.path}: its optimizer "${key}" ${defect}`);
  };
  if (!weights) return refuse("has no weights beside it that would name its parameters");
  const optimizer = entryOf(file.value, key);
  const [state, groups] = [entryOf(optimizer, "state"), entryOf(optimizer, "param_groups")];
  if (!(state instanceof PickleDict) || !Array.isArray(groups)) {
    return refuse("is not the state_dict of an optimizer");
  }
  const shapes = new Map([...weights].map(([name, { shape }]): [string, Shape] => [name, shape]));
  const names = optimizerGroups(shapes, isJitState(weights));
  const ids = groups.map((group) => entryOf(group, "params"));
  const fits = ids.length === names.length &&
    ids.every((list, i) => Array.isArray(list) && list.length === names[i].length);
  if (!fits) return refuse("numbers other parameters than those of its weights");
  const order = (ids as PickleValue[][]).flat();
  const nameOf = new Map(names.flat().map((name, i) => [order[i], name]));
  const moments = new Map<string, Moments>();
  for (const id of state.keys()) {
    const name = nameOf.get(id);
    const place = (part: string) => `${key}.state.${id}.${part}`;
    if (name === undefined) return refuse(`has a state for an unknown parameter ${id}`);
    const parts = ["exp_avg", "exp_avg_sq", "step"].map((part) =>
      file.tensors.has(place(part)) ? tensorOf(file, place(part)) : undefined
    );
    const [first, second, step] = parts;
    if (!first || !second || !step || !sameShape(first.shape, shapes.get(name)!)) {
      return refuse(`has no moments that fit ${name}`);
    }
    moments.set(name, { exp_avg: first, exp_avg_sq: second, step });
  }
  return { moments, groups: groups.map(hyperParameters) };
}

function hyperParameters(group: PickleValue): Readonly<Record<string, unknown>> {
  const plain = plainData(group);
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) return {};
  return Object.fromEntries(Object.entries(plain).filter(([name]) => name !== "params"));
}
