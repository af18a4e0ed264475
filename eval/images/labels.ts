import { Philox } from "../../engine/core/random.ts";

/** Stream of the generator that random labels come from ("labl" in ASCII). */
const LABEL_STREAM = 0x6c61626c;

/** How classes are shared out among samples. */
export type LabelRule = "balanced" | "random";

/** Names that `--labels` takes. */
export const LABEL_RULES: readonly LabelRule[] = ["balanced", "random"];

/**
 * The class of sample `index`. `balanced`: class after class in turn, so that every run of as many samples as classes
 * holds each once; what is left over at the end is spread over the classes. `random`: uniform, a function of
 * (seed, index).
 *
 * @param index may reach beyond the last sample, for one that only fills a batch
 */
export function labelOf(
  rule: LabelRule,
  index: number,
  count: number,
  classes: number,
  seed: number,
): number {
  if (rule === "random") return new Philox(seed, LABEL_STREAM).integers(1, classes, index)[0];
  const whole = count - count % classes;
  return index < whole || index >= count
    ? index % classes
    : Math.floor((index - whole) * classes / (count - whole));
}
