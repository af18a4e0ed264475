import type { OptimConfig } from "./config.ts";

/**
 * Learning rate of a step: constant, after an optional linear warm-up that starts above zero.
 *
 * @param step 0 for the first step
 */
export function learningRate({ lr, warmup_steps: warmup }: OptimConfig, step: number): number {
  return step < warmup ? lr * (step + 1) / warmup : lr;
}
