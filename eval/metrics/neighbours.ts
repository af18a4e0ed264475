import { checkFeatures, checkSameColumns, type Features, rowsOf } from "./features.ts";
import { addProduct, type Matrix, squaredNorms } from "./product.ts";

/** Rows whose distances are held at once. */
const BLOCK = 128;

const TASK = "compute precision and recall";

/** Improved precision and recall of generated images. */
export interface PrecisionRecall {
  /** Share of the samples that lie in the manifold of the reference: how good images are. */
  readonly precision: number;
  /** Share of the reference that lies in the manifold of the samples: how much of it is covered. */
  readonly recall: number;
}

/**
 * Improved precision and recall. The manifold of a set is the union of balls around its points, each reaching to the
 * point's `k`-th nearest neighbour; a point on the surface is inside.
 *
 * Distances are squared and in f64, so no pair is decided by rounding; memory holds 128 rows of them. Work is
 * `(N + M)^2 D` multiplications: some minutes for two sets of 10,000 by 2,048.
 *
 * Source: Kynkäänniemi et al., *Improved Precision and Recall Metric for Assessing Generative Models* (arXiv
 * 1904.06991), section 3, with its `k` of 3.
 *
 * @param reference `f32[N, D]`
 * @param samples `f32[M, D]`
 * @throws {ShapeError} when the numbers of features differ, or a set has no more than `k` rows
 * @throws {NonFiniteError} for a feature that is not a finite number
 */
export function precisionRecall(reference: Features, samples: Features, k = 3): PrecisionRecall {
  const share = (inside: Uint8Array) => inside.reduce((sum, value) => sum + value, 0) / inside.length;
  return {
    precision: share(insideManifold(samples, reference, neighbourRadii(reference, k))),
    recall: share(insideManifold(reference, samples, neighbourRadii(samples, k))),
  };
}

/**
 * Squared distance of every point to its `k`-th nearest neighbour, the point itself not counted: `f64[N]`.
 *
 * @throws {RangeError} when `k` is not a whole number of at least 1
 * @throws {ShapeError} for `k` rows or fewer
 */
export function neighbourRadii(features: Features, k = 3): Float64Array {
  if (!Number.isInteger(k) || k < 1) throw new RangeError(`Cannot use neighbour ${k}: wanted at least 1`);
  checkFeatures(TASK, features, k + 1);
  const radii = new Float64Array(features.rows);
  const nearest = new Float64Array(k);
  eachDistances(features, features, (row, distances) => {
    nearest.fill(Infinity);
    for (let j = 0; j < distances.length; j++) {
      if (distances[j] < nearest[k - 1] && j !== row) insert(nearest, distances[j]);
    }
    radii[row] = nearest[k - 1];
  });
  return radii;
}

/**
 * Which points lie in a manifold: `u8[N]` of 0 and 1.
 *
 * @param points `f32[N, D]`
 * @param centres `f32[M, D]`
 * @param radii squared, `f64[M]`, as `neighbourRadii()` gives them
 * @throws {ShapeError} when the numbers of features differ
 */
export function insideManifold(points: Features, centres: Features, radii: Float64Array): Uint8Array {
  checkFeatures(TASK, points);
  checkFeatures(TASK, centres);
  checkSameColumns(TASK, points, centres);
  const inside = new Uint8Array(points.rows);
  eachDistances(points, centres, (row, distances) => {
    inside[row] = distances.some((distance, j) => distance <= radii[j]) ? 1 : 0;
  });
  return inside;
}

/** Visits the squared distances of every row of `a` to all rows of `b`. */
function eachDistances(
  a: Features,
  b: Features,
  visit: (row: number, distances: Float64Array) => void,
): void {
  const [right, rightNorms] = withNorms(b, 0, b.rows);
  for (let from = 0; from < a.rows; from += BLOCK) {
    const [left, leftNorms] = withNorms(a, from, Math.min(a.rows, from + BLOCK));
    const distances = new Float64Array(left.rows * b.rows);
    addProduct(distances, left, right);
    for (let i = 0; i < left.rows; i++) {
      const row = distances.subarray(i * b.rows, (i + 1) * b.rows);
      for (let j = 0; j < b.rows; j++) row[j] = Math.max(0, leftNorms[i] + rightNorms[j] - 2 * row[j]);
      visit(from + i, row);
    }
  }
}

function withNorms(features: Features, from: number, to: number): [Matrix, Float64Array] {
  const rows = rowsOf(features, from, to);
  return [rows, squaredNorms(rows)];
}

/** Puts a value that is below the last one into a rising list, whose last one drops out. */
function insert(rising: Float64Array, value: number): void {
  let i = rising.length - 1;
  for (; i > 0 && rising[i - 1] > value; i--) rising[i] = rising[i - 1];
  rising[i] = value;
}
