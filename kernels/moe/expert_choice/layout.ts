import { ShapeError } from "../../../engine/core/errors.ts";
import { expectDTypes, f32, formatSpec, i32, type Spec } from "../../../engine/core/spec.ts";

/** Attributes of `expert_choice`. */
export interface ExpertChoiceAttrs {
  /** G: tokens are chosen among `T / G` neighbours; 1 makes the whole batch one pool. */
  readonly groups: number;
  /** The most tokens of a group that an expert may take; sizes the rows. */
  readonly most: number;
  /** Rows that each expert is padded to. */
  readonly tile: number;
}

/** The most experts: each has a lane or an entry of a small table. */
export const MOST_EXPERTS = 256;

/** Sizes of a choice. */
export interface ChoiceSizes {
  /** T, tokens of all groups. */
  readonly tokens: number;
  /** Tokens of a group. */
  readonly groupTokens: number;
  /** E, number of experts. */
  readonly experts: number;
  /** R, rows of the plan. */
  readonly rows: number;
}

/**
 * Rows of a plan in which each expert has `groups * most` tokens at most, padded to whole tiles, and one tile more that
 * stays unused: its last row is what tokens that were not chosen point to.
 */
export function choiceRows(experts: number, { groups, most, tile }: ExpertChoiceAttrs): number {
  return tile * (experts * Math.ceil(groups * most / tile) + 1);
}

/**
 * Sizes of scores `f32[T, E]` and limits `f32[E]`.
 *
 * @throws {DTypeError} when an input has another element type
 * @throws {ShapeError} when shapes or attributes do not fit
 */
export function choiceSizes(inputs: readonly Spec[], attrs: ExpertChoiceAttrs): ChoiceSizes {
  const { tokens, experts } = columnSizes("expert_choice", inputs);
  const { groups, most, tile } = attrs;
  const at = `Cannot expert_choice ${inputs.map(formatSpec).join(", ")}`;
  const whole = (name: string, value: number, largest: number) => {
    if (Number.isInteger(value) && value >= 1 && value <= largest) return;
    throw new ShapeError(`${at}: ${name} must be a whole number from 1 to ${largest}, got ${value}`);
  };
  whole("groups", groups, tokens);
  if (tokens % groups !== 0) {
    throw new ShapeError(`${at}: groups must divide the tokens, got ${tokens} tokens in ${groups} groups`);
  }
  const groupTokens = tokens / groups;
  whole("most", most, groupTokens);
  whole("tile", tile, 65_536);
  return { tokens, groupTokens, experts, rows: choiceRows(experts, attrs) };
}

/**
 * Sizes of columns `f32[T, E]` and a number for each, `f32[E]`.
 *
 * @throws {DTypeError} when an input has another element type
 * @throws {ShapeError} when the shapes do not fit
 */
export function columnSizes(name: string, inputs: readonly Spec[]): { tokens: number; experts: number } {
  expectDTypes(name, inputs, ["f32", "f32"]);
  const [values, numbers] = inputs;
  const [tokens, experts] = values.shape;
  const fits = values.shape.length === 2 && numbers.shape.length === 1 && numbers.shape[0] === experts;
  if (fits && experts <= MOST_EXPERTS) return { tokens, experts };
  throw new ShapeError(
    `Cannot ${name} ${
      inputs.map(formatSpec).join(", ")
    }: f32[T, E] and f32[E] with E up to ${MOST_EXPERTS} are wanted`,
  );
}

/** Outputs of `expert_choice`: row, slot, counts, offsets, tileExpert. */
export function choiceOutputs(inputs: readonly Spec[], attrs: ExpertChoiceAttrs): readonly Spec[] {
  const { tokens, experts, rows } = choiceSizes(inputs, attrs);
  return [i32(tokens, experts), i32(rows), i32(experts), i32(experts + 1), i32(rows / attrs.tile)];
}

/** Output of `kth_largest`. */
export function kthOutput(inputs: readonly Spec[]): Spec {
  return f32(columnSizes("kth_largest", inputs).experts);
}
