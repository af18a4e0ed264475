import { countParameters } from "../models/counts.ts";
import { createModel, forwardFlops, type ModelConfig } from "../models/create.ts";
import { PRESETS } from "../models/presets.ts";
import { PUBLISHED, type Score } from "../models/published.ts";
import { decimals, type Row, table } from "./table.ts";

const HEAD: readonly Row[] = [
  ["", "total", "", "activated", "", "routed", "GFLOP an image", "", "FID-50K / IS, published", ""],
  ["preset", "10^6", "2^20", "10^6", "2^20", "experts", "forward", "training", "unguided", "guided"],
];

/** Work of a training step over that of its forward pass: the backward pass does every product twice. */
const TRAINING_FACTOR = 3;

/**
 * The paper's table for every preset: parameters in both units that the published one mixes, the share of the routed
 * experts, work, and published results.
 */
export function formatPresets(): string {
  return table([...HEAD, ...Object.entries(PRESETS).map(([name, config]) => rowOf(name, config))], 1).join(
    "\n",
  );
}

function rowOf(name: string, config: ModelConfig): Row {
  const { total, activated } = countParameters(config);
  const forward = forwardFlops(config).total / 1e9;
  const published = PUBLISHED[name];
  return [
    name,
    decimals(total / 1e6, 2),
    decimals(total / 2 ** 20, 2),
    decimals(activated / 1e6, 2),
    decimals(activated / 2 ** 20, 2),
    `${decimals(100 * routedShare(config, total), 1)}%`,
    decimals(forward, 2),
    decimals(TRAINING_FACTOR * forward, 2),
    scoreText(published?.unguided),
    scoreText(published?.guided),
  ];
}

/** Share of the parameters that are routed experts; the rest is dense. */
function routedShare(config: ModelConfig, total: number): number {
  const stacks = createModel(config).params.all.filter(({ options }) => options.experts !== undefined);
  return stacks.reduce((sum, { size }) => sum + size, 0) / total;
}

function scoreText(score: Score | undefined): string {
  return score ? `${score.fid.toFixed(2)} / ${score.inceptionScore.toFixed(2)}` : "-";
}
