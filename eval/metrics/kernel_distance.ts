import { Philox, type Seed } from "../../engine/core/random.ts";
import { checkFeatures, checkSameColumns, type Features, pickRows } from "./features.ts";
import { meanAndDeviation } from "./inception_score.ts";
import { type Matrix, product, symmetricProduct } from "./product.ts";

const TASK = "compute the kernel distance";

/** Random streams of the two sets, so that equal sets are still drawn from independently. */
const STREAMS = { a: 0, b: 1 } as const;

/** Options of `kernelDistance()`. */
export interface KernelDistanceOptions {
  /** Number of random subsets; 100 unless given. */
  readonly subsets?: number;
  /** Vectors drawn from each set, without repetition; 1,000 unless given. */
  readonly subsetSize?: number;
  /** Seed of the subsets; 0 unless given. */
  readonly seed?: Seed;
}

/** A kernel distance; figures are often printed times 1,000. */
export interface KernelDistance {
  /** Mean over the subsets; it can be negative, since the estimate has no bias. */
  readonly mean: number;
  /** Standard deviation over the subsets, divisor S. */
  readonly deviation: number;
}

/**
 * Kernel Inception Distance: the unbiased squared maximum mean discrepancy under the kernel `(x y / D + 1)^3`,
 * averaged over random subsets, in f64.
 *
 * Source: Bińkowski et al., *Demystifying MMD GANs* (arXiv 1801.01401), section 4; 100 subsets of 1,000 as in
 * torch-fidelity, whose random subsets are others.
 *
 * @param a `f32[N, D]`
 * @param b `f32[M, D]`
 * @throws {ShapeError} when the numbers of features differ, or a set is smaller than a subset
 * @throws {RangeError} when there is no subset, or one has fewer than 2 vectors
 * @throws {NonFiniteError} for a feature that is not a finite number
 */
export function kernelDistance(
  a: Features,
  b: Features,
  options: KernelDistanceOptions = {},
): KernelDistance {
  const { subsets = 100, subsetSize = 1000, seed = 0 } = options;
  for (
    const [name, value, least] of [["subsets", subsets, 1], ["vectors a subset", subsetSize, 2]] as const
  ) {
    if (!Number.isInteger(value) || value < least) {
      throw new RangeError(`Cannot ${TASK} with ${value} ${name}: at least ${least} wanted`);
    }
  }
  checkFeatures(TASK, a, subsetSize);
  checkFeatures(TASK, b, subsetSize);
  checkSameColumns(TASK, a, b);
  const draw = (features: Features, stream: number, subset: number): Matrix => {
    const order = new Philox(seed, stream, subset).permutation(features.rows);
    return pickRows(features, order.subarray(0, subsetSize));
  };
  const values = Float64Array.from(
    { length: subsets },
    (_, i) => discrepancy(draw(a, STREAMS.a, i), draw(b, STREAMS.b, i)),
  );
  return meanAndDeviation(values);
}

/**
 * The unbiased estimate of the squared discrepancy of two whole sets, `f64[N, D]` and `f64[M, D]` with at least 2 rows
 * each: the mean of the kernel over pairs of different vectors within each set, less twice the mean across.
 */
export function discrepancy(a: Matrix, b: Matrix): number {
  const within = (x: Matrix) => {
    const { data, rows } = symmetricProduct(x, x);
    const kernel = data.map((value) => polynomial(value, x.columns));
    const diagonal = kernel.reduce((sum, value, i) => i % (rows + 1) === 0 ? sum + value : sum, 0);
    return (total(kernel) - diagonal) / (rows * (rows - 1));
  };
  const across = product(a, b).data.map((value) => polynomial(value, a.columns));
  return within(a) + within(b) - 2 * total(across) / across.length;
}

function polynomial(inner: number, columns: number): number {
  return (inner / columns + 1) ** 3;
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
