/**
 * Experts choose tokens: top-k along the token axis, within groups of tokens or the whole batch, as a dispatch plan.
 *
 * @module
 */
import { sizeOf } from "../../../engine/core/shape.ts";
import { apply } from "../../../engine/device/device.ts";
import { type Kernel, streamingCost } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import {
  add,
  compare,
  exp,
  type Expression,
  input,
  log,
  max,
  min,
  mul,
  neg,
  select,
  sub,
  toF32,
} from "../../expression/expression.ts";
import { define, type ElementwiseKernel } from "../../elementwise/mod.ts";
import { type ReduceAttrs, reduceKernel } from "../../reduce/kernel.ts";
import { reshape } from "../../reshape/mod.ts";
import type { DispatchPlan } from "../histogram_scan/mod.ts";
import { choiceCpu, kthCpu } from "./cpu.ts";
import { choiceOutputs, choiceSizes, columnSizes, type ExpertChoiceAttrs, kthOutput } from "./layout.ts";
import { choiceReference, kthReference } from "./reference.ts";
import { choiceWebGpu, kthWebGpu } from "./webgpu.ts";

export { choiceRows, type ExpertChoiceAttrs } from "./layout.ts";

/** The `expert_choice` kernel: scores, limits -> row, slot, counts, offsets, tileExpert. */
export const EXPERT_CHOICE: Kernel<ExpertChoiceAttrs> = {
  name: "expert_choice",
  infer: choiceOutputs,
  cost: (inputs, attrs) => streamingCost(inputs, choiceOutputs(inputs, attrs), 0),
  reference: choiceReference,
  webgpu: choiceWebGpu,
  cpu: choiceCpu,
};

/** The `kth_largest` kernel: x `f32[T, E]`, k `f32[E]` -> `f32[E]`. */
export const KTH_LARGEST: Kernel = {
  name: "kth_largest",
  infer: (inputs) => [kthOutput(inputs)],
  cost: (inputs) => streamingCost(inputs, [kthOutput(inputs)], 0),
  reference: kthReference,
  webgpu: kthWebGpu,
  cpu: kthCpu,
};

/** The `count_above` kernel: scores `f32[T, E]`, thresholds `f32[1, E]` -> how many scores are larger, `f32[1, E]`. */
export const COUNT_ABOVE: Kernel<ReduceAttrs> = reduceKernel(
  "count_above",
  ["f32", "f32"],
  select(compare("lt", input(1), input(0)), 1, 0),
);

/** The `choice_cross_entropy` kernel: logits `f32[T, E]`, rows `i32[T, E]` -> `f32[1, 1]`. */
export function choiceCrossEntropyKernel(unchosen: number): Kernel<ReduceAttrs> {
  return reduceKernel("choice_cross_entropy", ["f32", "i32"], crossEntropy(unchosen));
}

/** `max(x, 0) - x z + log(1 + e^-|x|)`, with z = 1 where the row is below `unchosen`; no overflow for any x. */
function crossEntropy(unchosen: number): Expression {
  const x = input(0);
  const chosen = compare("lt", input(1, "i32"), { op: "const", value: unchosen, type: "i32" });
  const linear = add(max(x, 0), select(chosen, neg(x), 0));
  return add(linear, log(add(1, exp(min(x, mul(-1, x))))));
}

/**
 * Lets every expert take the tokens with its largest scores. Tokens may be taken by any number of experts, or none.
 *
 * The result is a plan for `gather`, `groupedMatmul` and `combine` in which every token has E slots, one an expert:
 * `plan.row[t, e]` is the row of token t at expert e, and where e did not take t it is the last row of the plan, which
 * belongs to nobody and is zero. So `combine(y, scores, plan)` adds up what the experts that took a token made of
 * it, each times its score, and gradients reach the scores of chosen pairs only. Rows of an expert are in the order
 * of the tokens; ties go to the earlier token. Shapes depend on T, E and the attributes alone.
 *
 * Source: Zhou et al., "Mixture-of-Experts with Expert Choice Routing" (arXiv 2202.09368); with one group for the
 * whole batch, DiffMoE (arXiv 2503.14487), section 3.
 *
 * @param scores `f32[T, E]`, E at most 256; the T / groups tokens of a group are neighbours
 * @param limits `f32[E]`: tokens that each expert takes from each group, rounded down and held within 0 to `most`
 * @throws {ShapeError} when shapes or attributes do not fit each other
 */
export function expertChoice(scores: Tensor, limits: Tensor, attrs: ExpertChoiceAttrs): DispatchPlan {
  const { groups, most, tile } = attrs;
  const outputs = apply(EXPERT_CHOICE, [scores, limits], { groups, most, tile });
  const [row, slot, counts, offsets, tileExpert] = outputs;
  const { tokens, experts, rows } = choiceSizes([scores.spec, limits.spec], attrs);
  return { counts, offsets, row, slot, tileExpert, tokens, topk: experts, experts, tile, rows };
}

/**
 * The k-th largest number of each column.
 *
 * @param x `f32[T, E]`
 * @param k `f32[E]`, rounded down and held within 1 to T
 * @returns `f32[E]`
 * @throws {ShapeError} when the shapes do not fit
 */
export function kthLargest(x: Tensor, k: Tensor): Tensor {
  return apply(KTH_LARGEST, [x, k], {})[0];
}

/**
 * How many numbers of each column exceed the column's threshold.
 *
 * @param x `f32[T, E]`
 * @param thresholds `f32[E]`
 * @returns whole numbers, `f32[E]`
 * @throws {ShapeError} when the shapes do not fit
 */
export function countAbove(x: Tensor, thresholds: Tensor): Tensor {
  const { experts } = columnSizes("count_above", [x.spec, thresholds.spec]);
  const attrs = { over: x.shape, shape: [1, experts], scale: 1 };
  return reshape(apply(COUNT_ABOVE, [x, reshape(thresholds, [1, experts])], attrs)[0], [experts]);
}

/** A number of tokens that changes while training: the most at first, then fewer and fewer, then the same to the end. */
export interface LimitSchedule {
  /** Tokens until `begin`. */
  readonly most: number;
  /** Tokens after `end`. */
  readonly least: number;
  /** Last step with `most`. */
  readonly begin: number;
  /** Last step of the linear decline. */
  readonly end: number;
}

const schedules = new Map<string, ElementwiseKernel>();

/** The kernel of `scheduledLimit`: step `u32[1]` -> limits. */
export function scheduledLimitKernel({ most, least, begin, end }: LimitSchedule): ElementwiseKernel {
  const key = [most, least, begin, end].join(" ");
  let kernel = schedules.get(key);
  if (!kernel) {
    kernel = define("scheduled_limit", ["u32"], (counter) => {
      const step = toF32(counter);
      const slope = end > begin ? (most - least) / (end - begin) : 0;
      const declining = add(least, mul(slope, sub(end, step)));
      return select(compare("le", step, begin), most, select(compare("le", step, end), declining, least));
    });
    schedules.set(key, kernel);
  }
  return kernel;
}

/**
 * The limits of `expertChoice` at a step of the training, the same for all experts.
 *
 * @param step finished steps, `u32[1]`
 * @returns `f32[experts]`
 */
export function scheduledLimit(step: Tensor, schedule: LimitSchedule, experts: number): Tensor {
  return apply(scheduledLimitKernel(schedule), [step], { shape: [experts] })[0];
}

const crossEntropies = new Map<number, Kernel<ReduceAttrs>>();

/**
 * Binary cross-entropy between predicted and actual choices, the mean over all pairs: how well `logits` foresee which
 * expert takes which token.
 *
 * @param logits `f32[T, E]`
 * @param plan from `expertChoice`
 * @returns `f32[]`
 * @throws {ShapeError} when the logits are not those of the plan's pairs
 */
export function choiceCrossEntropy(logits: Tensor, plan: DispatchPlan): Tensor {
  const unchosen = plan.rows - 1;
  const known = crossEntropies.get(unchosen);
  const kernel = known ?? choiceCrossEntropyKernel(unchosen);
  if (!known) crossEntropies.set(unchosen, kernel);
  const attrs = { over: logits.shape, shape: [1, 1], scale: 1 / sizeOf(logits.shape) };
  return reshape(apply(kernel, [logits, plan.row], attrs)[0], []);
}

/**
 * Which expert took which token, as numbers: 1 for a chosen pair, 0 for the others.
 *
 * @param plan from `expertChoice`
 * @returns on the host, `[T, E]`
 */
export async function chosenPairs(plan: DispatchPlan): Promise<Float32Array<ArrayBuffer>> {
  return Float32Array.from(await plan.row.read(), (row) => row < plan.rows - 1 ? 1 : 0);
}
