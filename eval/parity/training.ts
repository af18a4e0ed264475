import type { Parameter, ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { AdamW } from "../../train/optimizer.ts";
import type { CaseContext } from "./case.ts";
import { difference, type Distance, distance, type Numbers, relativeError, total } from "./compare.ts";
import type { Fields } from "./fields.ts";
import { LARGEST_COMPARABLE_DECAY } from "./tolerances.ts";

/** Decays of the averages that a case keeps. */
export interface Averages {
  /** Of the average in `final.ema.`; null for none. */
  readonly emaDecay: number | null;
  /** Of the one in `final.ema2.`; null, or absent, for none. */
  readonly emaDecay2?: number | null;
}

/** Compares what training made of parameters and averages: their values, and how far they moved. */
export async function compareTraining(
  context: CaseContext,
  params: ParamStore,
  optimizer: AdamW,
  { emaDecay, emaDecay2 = null }: Averages,
): Promise<void> {
  const { checks } = context;
  const own = new Map(params.all.map((parameter) => [parameter.name, parameter.tensor]));
  const changes = await compareState(context, params, own, "final.param.", "finalValue");
  checks.measured("changes, all", relativeError(total(changes.values())), "changes");
  for (const [name, change] of changes) checks.measured(`change of ${name}`, relativeError(change), "change");
  await compareAverage(context, params, optimizer.ema, "final.ema.", emaDecay);
  await compareAverage(context, params, optimizer.ema2, "final.ema2.", emaDecay2);
}

async function compareAverage(
  context: CaseContext,
  params: ParamStore,
  averages: ReadonlyMap<Parameter, Tensor>,
  prefix: "final.ema." | "final.ema2.",
  decay: number | null,
): Promise<void> {
  if (decay === null) return;
  const own = new Map([...averages].map(([{ name }, tensor]) => [name, tensor]));
  const moved = await compareState(context, params, own, prefix, "emaValue");
  if (decay > LARGEST_COMPARABLE_DECAY) return;
  const error = relativeError(total(moved.values()));
  context.checks.measured(`${prefix === "final.ema." ? "EMA" : "EMA 2"} changes, all`, error, "emaChanges");
}

/** Compares values of one kind; gives the distance between the changes by `state_dict` name. */
async function compareState(
  { golden, checks }: CaseContext,
  params: ParamStore,
  tensors: ReadonlyMap<string, Tensor>,
  prefix: "final.param." | "final.ema." | "final.ema2.",
  quantity: "finalValue" | "emaValue",
): Promise<Map<string, Distance>> {
  const without = illConditioned(golden.config.sections("ill_conditioned"));
  const changes = new Map<string, Distance>();
  for (const parameter of params.all) {
    const all = await tensors.get(parameter.name)?.read();
    if (!all) continue;
    for (const { name, begin, end } of parameter.entries()) {
      if (!golden.has(prefix + name)) {
        checks.failed(prefix + name, "the file has no such tensor");
        continue;
      }
      checks.covered(prefix + name);
      const keep = (values: Numbers) => without(name, values);
      const want = keep(await golden.read(prefix + name));
      const before = keep(await golden.read(`param.${name}`));
      const got = keep(all.subarray(begin, end));
      checks.measured(prefix + name, relativeError(distance(got, want)), quantity);
      changes.set(name, distance(difference(got, before), difference(want, before)));
    }
  }
  return changes;
}

/** Leaves out the entries whose true gradient is zero, so that the optimizer turns rounding noise into full steps. */
function illConditioned(ranges: readonly Fields[]): (name: string, values: Numbers) => Numbers {
  const parts = ranges.map((range) => ({
    name: String(range.value("key")),
    begin: range.number("start"),
    end: range.number("end"),
  }));
  return (name, values) => {
    const own = parts.filter((part) => part.name === name);
    return Array.from(values).filter((_, i) => !own.some(({ begin, end }) => i >= begin && i < end));
  };
}
