import type { Tensor } from "../../engine/tensor.ts";
import type { ModelOutput } from "../../models/model.ts";
import type { Routing } from "../../models/moe/sparse_moe.ts";
import type { RoutingDivergence, StepDivergence } from "./options.ts";

/** Results of a recorded program that hold the choices of the conditional and of the unconditional pass. */
const PASSES = ["conditional", "unconditional"] as const;

/** More than the experts of any layer: tells the pairs of one token from those of the next. */
const PAIRS = 2 ** 16;

/** Numbers the (token, expert) pairs of what a pass chose. */
type ReadPairs = (values: ArrayLike<number>) => Set<number>;

/** Compares how the two passes of guidance route the same tokens, step by step. */
export class DivergenceProbe {
  readonly #layers = new Map<string, ReadPairs>();
  #steps: StepDivergence[] = [];

  /**
   * Chooses what a recorded program has to keep.
   *
   * @param outputs of one batch with both passes, or of one batch for each pass
   */
  watch(outputs: readonly ModelOutput[]): Record<string, Tensor> {
    const kept: [string, Tensor][] = [];
    outputs.forEach(({ routings }, pass) => {
      for (const routing of routings) {
        const { values, pairs } = choiceOf(routing);
        kept.push([`${PASSES[pass]} ${routing.path}`, values]);
        this.#layers.set(routing.path, pairs);
      }
    });
    return Object.fromEntries(kept);
  }

  /** Reads what the program kept. */
  async measure(t: number, results: Readonly<Record<string, Tensor>>): Promise<void> {
    const layers = await Promise.all([...this.#layers].map(async ([path, pairs]) => {
      const [conditional, unconditional] = PASSES.map((pass) => results[`${pass} ${path}`]);
      const values = await conditional.read();
      if (unconditional) return routingDivergence(pairs(values), pairs(await unconditional.read()));
      const half = values.length / 2;
      return routingDivergence(pairs(values.subarray(0, half)), pairs(values.subarray(half)));
    }));
    this.#steps.push({ t, layers });
  }

  /** Forgets what was measured. */
  clear(): void {
    this.#steps = [];
  }

  /** What was measured since `clear`. */
  result(): RoutingDivergence {
    return { layers: [...this.#layers.keys()], steps: this.#steps };
  }
}

/** Where a layer's choice is written, and how to read it: tokens that choose experts, or experts that choose tokens. */
function choiceOf({ indices, choice, path }: Routing): { values: Tensor; pairs: ReadPairs } {
  if (indices) return { values: indices, pairs: (values) => chosenExperts(values, indices.shape[1]) };
  if (!choice) throw new Error(`Cannot compare routings of "${path}": it says neither indices nor choice`);
  const { row, experts, rows } = choice;
  return { values: row, pairs: (values) => takenTokens(values, experts, rows - 1) };
}

/**
 * The pairs of a router where tokens choose experts.
 *
 * @param indices `i32[T, k]`
 */
export function chosenExperts(indices: ArrayLike<number>, k: number): Set<number> {
  return new Set(Array.from(indices, (expert, i) => Math.floor(i / k) * PAIRS + expert));
}

/**
 * The pairs of a router where experts choose tokens.
 *
 * @param rows `i32[T, E]`, row of each token at each expert
 * @param unchosen what stands where the expert did not take the token
 */
export function takenTokens(rows: ArrayLike<number>, experts: number, unchosen: number): Set<number> {
  const pairs = new Set<number>();
  for (let i = 0; i < rows.length; i++) {
    if (rows[i] !== unchosen) pairs.add(Math.floor(i / experts) * PAIRS + i % experts);
  }
  return pairs;
}

/**
 * `1 - |A and B| / k` for the choices of two passes. Where the number of pairs is not the same in both, k is the mean;
 * 0 where there is none.
 */
export function routingDivergence(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  let shared = 0;
  for (const pair of a) if (b.has(pair)) shared++;
  return a.size + b.size === 0 ? 0 : 1 - 2 * shared / (a.size + b.size);
}

/** The mean of measurements on several batches, step by step. */
export function meanDivergence(parts: readonly RoutingDivergence[]): RoutingDivergence {
  const [{ layers, steps }] = parts;
  const mean = (step: number, layer: number) =>
    parts.reduce((sum, part) => sum + part.steps[step].layers[layer], 0) / parts.length;
  return {
    layers,
    steps: steps.map(({ t }, step) => ({ t, layers: layers.map((_, layer) => mean(step, layer)) })),
  };
}
