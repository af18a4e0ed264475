import { ConfigError } from "../../engine/core/errors.ts";
import { SAMPLER_METHODS } from "../sampler.ts";
import { checkSampling, type EvaluateOptions, type SamplingOptions } from "./options.ts";

/** Options that a sweep may vary. */
type Swept = Exclude<keyof SamplingOptions, "interval">;

/** One evaluation of a sweep. */
export interface Combination {
  /** What differs, as in `cfg=1.5 ema=0`; empty where there is no sweep. */
  readonly label: string;
  /** The values of what is swept, in the order in which it was given. */
  readonly values: Readonly<Record<string, string | number>>;
  /** All options, with a folder of its own. */
  readonly options: EvaluateOptions;
}

const PARSERS: Readonly<Record<Swept, (text: string) => number | string | undefined>> = {
  cfg: (text) => numberOf(text, false),
  ema: (text) => /^[012]$/.test(text) ? Number(text) : undefined,
  steps: (text) => numberOf(text, true),
  sampler: (text) => SAMPLER_METHODS.find((name) => name === text),
  seed: (text) => numberOf(text, true),
};

function numberOf(text: string, whole: boolean): number | undefined {
  const value = Number(text);
  return text !== "" && value >= 0 && (whole ? Number.isSafeInteger(value) : Number.isFinite(value))
    ? value
    : undefined;
}

/**
 * All combinations of lists like `cfg=1,1.25,1.5` and `ema=0,1`; one evaluation where there is no list.
 *
 * @throws {ConfigError} naming the list that is wrong
 */
export function combinationsOf(options: EvaluateOptions, lists: readonly string[]): Combination[] {
  const swept = lists.map(parseList);
  const names = swept.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new ConfigError(`Cannot sweep ${twice} twice`);
  if (swept.length === 0) return [{ label: "", values: {}, options }];
  if (options.images !== undefined) {
    throw new ConfigError("Cannot sweep --images: there is nothing to sample");
  }
  if (options.saveSamples !== undefined) {
    throw new ConfigError("Cannot use --save-samples with --sweep: one file cannot hold several sets");
  }
  const products = swept.reduce<Record<string, string | number>[]>(
    (all, { name, values }) => all.flatMap((own) => values.map((value) => ({ ...own, [name]: value }))),
    [{}],
  );
  return products.map((values) => {
    const label = Object.entries(values).map(([name, value]) => `${name}=${value}`).join(" ");
    const own: EvaluateOptions = {
      ...options,
      ...values,
      out: `${options.out}/${label.replaceAll(" ", "_")}`,
    };
    checkSampling(own);
    return { label, values, options: own };
  });
}

function parseList(list: string): { name: Swept; values: (string | number)[] } {
  const [name, text, ...more] = list.split("=");
  const known = Object.keys(PARSERS);
  if (!Object.hasOwn(PARSERS, name) || text === undefined || more.length > 0) {
    throw new ConfigError(
      `Cannot sweep ${list}: wanted NAME=VALUE,VALUE with a name of ${known.join(", ")}, as in cfg=1,1.5`,
    );
  }
  const values = text.split(",").map((item) => {
    const value = PARSERS[name as Swept](item.trim());
    if (value === undefined) {
      throw new ConfigError(`Cannot sweep ${list}: "${item}" is no value of --${name}`);
    }
    return value;
  });
  return { name: name as Swept, values: [...new Set(values)] };
}
