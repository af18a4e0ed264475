import { INCEPTION_NAME } from "../features.ts";
import { kernelDistance } from "../metrics/kernel_distance.ts";
import { precisionRecall } from "../metrics/neighbours.ts";
import type { Features } from "../metrics/features.ts";
import type { FeatureSums, NamedRule } from "./feature_sums.ts";
import type { GaussianSums } from "./gaussian_sums.ts";
import type { Reference } from "./reference.ts";

/** One figure, and how it was computed. */
export interface Metric {
  /** Its exact name: `FID-50K` is that of 50,000 images in Inception's features alone. */
  readonly name: string;
  /** The figure. */
  readonly value: number;
  /** Standard deviation over splits or subsets, divisor S. */
  readonly deviation?: number;
  /** One sentence without its full stop. */
  readonly how: string;
}

const STANDARD_IMAGES = 50_000;

const SUBSETS = 100;
const SUBSET_SIZE = 1000;
const NEIGHBOUR = 3;

/** Whole numbers as people write them: 50,000. */
export function grouped(value: number): string {
  return value.toLocaleString("en");
}

/**
 * The name of a metric: `FID-50K`, `FID (1,000 images)`, or `FID (tessera-classifier-v1)` where the features are not
 * Inception's.
 */
export function metricName(metric: string, network: string, images: number): string {
  if (network !== INCEPTION_NAME) return `${metric} (${network})`;
  return images === STANDARD_IMAGES ? `${metric}-50K` : `${metric} (${grouped(images)} images)`;
}

/**
 * Computes every metric that the reference allows.
 *
 * @param network name of the feature network
 * @throws {NonFiniteError} when a number of the reference is not finite
 */
export function computeMetrics(sums: FeatureSums, reference: Reference, network: string): Metric[] {
  const metrics: Metric[] = [];
  const named = (metric: string) => metricName(metric, network, sums.images);
  metrics.push({
    name: named("FID"),
    value: sums.pool.distanceTo(reference.pool),
    how: frechetText("pooled", sums.pool),
  });
  if (sums.spatial && reference.spatial) {
    metrics.push({
      name: named("sFID"),
      value: sums.spatial.distanceTo(reference.spatial),
      how: frechetText("spatial", sums.spatial),
    });
  }
  for (const { name, rule, score } of sums.scores()) {
    const { mean, deviation } = score;
    metrics.push({
      name: `${named("IS")}, ${name} splits`,
      value: mean,
      deviation,
      how: scoreText(rule, score.splits.length),
    });
  }
  const { activations } = reference.statistics;
  if (sums.manifold && activations) {
    metrics.push(...manifoldMetrics(sums.manifold.features(), activations, named));
  }
  return metrics;
}

function frechetText(which: string, sums: GaussianSums): string {
  const form = sums.fewer
    ? "the last root from the eigenvalues of an N x N matrix, since there are fewer images than features"
    : "the roots from the eigenvalues of symmetric matrices";
  return `|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^1/2 S2 S1^1/2)^1/2 of ${
    grouped(sums.columns)
  } ${which} features, ` +
    `covariances with divisor N - 1, all in f64, ${form}`;
}

function scoreText(rule: NamedRule["rule"], splits: number): string {
  const pieces = rule.kind === "consecutive"
    ? `consecutive pieces of ${grouped(rule.size)} images, a shorter last one counted like the others`
    : "equal pieces of a shuffled order, NumPy's permutation of seed 2020";
  return `exp of the mean divergence of class probabilities from their mean, in f64; mean and standard deviation ` +
    `(divisor S) over ${splits} ${splits === 1 ? "split" : "splits"}: ${pieces}`;
}

function manifoldMetrics(
  samples: Features,
  reference: Features,
  named: (metric: string) => string,
): Metric[] {
  const metrics: Metric[] = [];
  const sets = `${grouped(samples.rows)} samples and ${grouped(reference.rows)} reference images`;
  if (Math.min(samples.rows, reference.rows) > NEIGHBOUR) {
    const { precision, recall } = precisionRecall(reference, samples, NEIGHBOUR);
    const how = `nearest neighbour ${NEIGHBOUR} of ${sets}, squared distances in f64`;
    metrics.push({ name: named("precision"), value: precision, how }, {
      name: named("recall"),
      value: recall,
      how,
    });
  }
  const subsetSize = Math.min(SUBSET_SIZE, samples.rows, reference.rows);
  if (subsetSize >= 2) {
    const { mean, deviation } = kernelDistance(samples, reference, { subsets: SUBSETS, subsetSize, seed: 0 });
    const how = `unbiased squared discrepancy under (x y / D + 1)^3, ${SUBSETS} random subsets of ` +
      `${grouped(subsetSize)} of ${sets}`;
    metrics.push({ name: named("KID"), value: mean, deviation, how });
  }
  return metrics;
}
