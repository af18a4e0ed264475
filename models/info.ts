import { formatSpec } from "../engine/core/spec.ts";
import type { Parameter } from "../engine/params/param_store.ts";
import { countParameters, type ForwardFlops, type ParameterCounts } from "./counts.ts";
import { createModel, forwardFlops, type ModelConfig } from "./create.ts";

/** Parameters that differ only in the number of their block or expert. */
export interface ParameterGroup {
  /** Their names in the `state_dict`, as in `blocks.{0..3}.attn.qkv.weight`. */
  readonly pattern: string;
  /** Spec of each, as in `f32[1152, 384]`. */
  readonly spec: string;
  /** Number of `state_dict` entries. */
  readonly entries: number;
  /** Number of elements of all of them. */
  readonly count: number;
  /** Rule for the first values, as in `zeros()`. */
  readonly init: string;
  /** Whether they are trained. */
  readonly kind: Parameter["kind"];
}

/** What is known of a model before it has any memory. */
export interface ModelInfo {
  /** What the model was made from. */
  readonly config: ModelConfig;
  /** Every parameter and buffer, in order of declaration. */
  readonly groups: readonly ParameterGroup[];
  /** All, trainable and activated parameters. */
  readonly counts: ParameterCounts;
  /** Of one image. */
  readonly forwardFlops: ForwardFlops;
}

/**
 * Describes a model without giving it memory.
 *
 * @throws {ConfigError} when the configuration is not valid
 */
export function describeModel(config: ModelConfig): ModelInfo {
  return {
    config,
    groups: parameterGroups(createModel(config).params.all),
    counts: countParameters(config),
    forwardFlops: forwardFlops(config),
  };
}

const BLOCK = /^blocks\.(\d+)\./;

function parameterGroups(parameters: readonly Parameter[]): ParameterGroup[] {
  const members = new Map<string, Parameter[]>();
  for (const parameter of parameters) {
    const { spec, options: { init }, kind } = parameter;
    const key = [parameter.name.replace(BLOCK, "blocks.#."), formatSpec(spec), init.name, kind].join(" ");
    members.set(key, [...members.get(key) ?? [], parameter]);
  }
  return [...members.values()].map((group) => {
    const [first] = group;
    const { experts, init } = first.options;
    const blocks = group.flatMap(({ name }) => BLOCK.exec(name)?.[1] ?? []).map(Number);
    const pattern = first.name.replace(BLOCK, `blocks.${numberPattern(blocks)}.`);
    return {
      pattern: experts === undefined
        ? pattern
        : pattern.replace("*", numberPattern([...Array(experts).keys()])),
      spec: formatSpec(
        experts === undefined ? first.spec : { ...first.spec, shape: first.spec.shape.slice(1) },
      ),
      entries: group.length * (experts ?? 1),
      count: group.reduce((sum, { size }) => sum + size, 0),
      init: init.name,
      kind: first.kind,
    };
  });
}

/** `3`, `{0..9}`, `{1,3..9}`, or `{0,1,4}`: ascending numbers, shortly. */
function numberPattern(numbers: readonly number[]): string {
  if (numbers.length === 1) return String(numbers[0]);
  const step = numbers[1] - numbers[0];
  const even = numbers.every((number, i) => number === numbers[0] + i * step);
  if (!even || numbers.length < 3) return `{${numbers.join(",")}}`;
  const start = step === 1 ? numbers[0] : `${numbers[0]},${numbers[1]}`;
  return `{${start}..${numbers[numbers.length - 1]}}`;
}
