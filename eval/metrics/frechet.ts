import { NonFiniteError, ShapeError } from "../../engine/core/errors.ts";
import { checkFeatures, checkSameColumns, columnMeans, covarianceFactor, type Features } from "./features.ts";
import { FeatureMoments } from "./moments.ts";
import { type Matrix, product, symmetricProduct } from "./product.ts";
import { rootOf, traceOfRoot } from "./spectrum.ts";

/** A normal distribution in feature space, as reference files hold it. */
export interface Gaussian {
  /** `f64[D]`. */
  readonly mean: Float64Array;
  /** `f64[D, D]`, divisor N - 1. */
  readonly covariance: Float64Array;
}

const TASK = "compute the Fréchet distance";

/**
 * Mean and covariance (divisor N - 1) of features.
 *
 * @throws {ShapeError} for fewer than 2 rows
 * @throws {NonFiniteError} for a feature that is not a finite number
 */
export function gaussianOf(features: Features): Gaussian {
  const moments = new FeatureMoments(features.columns);
  moments.add(features);
  return { mean: moments.mean(), covariance: moments.covariance() };
}

/**
 * One side of a Fréchet distance, with the square root of its covariance kept between calls: a reference set is
 * decomposed once, however many sets are held against it.
 */
export class FrechetReference {
  /** Number of features. */
  readonly columns: number;
  #root?: Matrix;

  /**
   * Checks the statistics; nothing is decomposed yet.
   *
   * @throws {ShapeError} when the covariance is not `[D, D]`
   * @throws {NonFiniteError} when a number is not finite
   */
  constructor(readonly gaussian: Gaussian) {
    checkGaussian(gaussian);
    this.columns = gaussian.mean.length;
  }

  /**
   * `|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^(1/2) S2 S1^(1/2))^(1/2)` in f64: FID where the features are those of
   * Inception's last pooling, sFID where they are its spatial ones. Rounding can make it slightly negative.
   *
   * Source: Heusel et al., *GANs Trained by a Two Time-Scale Update Rule* (arXiv 1706.08500), equation 6; Nash et
   * al., *Generating images with sparse representations* (arXiv 2103.03841) for the spatial features. Public
   * evaluators take the root of the unsymmetric `S1 S2`, which has the same eigenvalues.
   *
   * @throws {ShapeError} when the numbers of features differ
   * @throws {NonFiniteError} when a number is not finite
   */
  distance(other: Gaussian): number {
    checkGaussian(other);
    checkSameColumns(TASK, this, { columns: other.mean.length });
    this.#root ??= rootOf(asMatrix(this.gaussian));
    const between = product(this.#root, asMatrix(other));
    return this.#assemble(other.mean, trace(other), traceOfRoot(symmetricProduct(between, this.#root)));
  }

  /**
   * `distance()` to the statistics of features. Fewer vectors `N` than features `D` give a covariance of rank
   * `N - 1`; the eigenvalues are then those of an `[N, N]` matrix, which is smaller and better conditioned.
   *
   * @throws {ShapeError} when the numbers of features differ, or for fewer than 2 rows
   * @throws {NonFiniteError} when a number is not finite
   */
  distanceToFeatures(features: Features): number {
    checkFeatures(TASK, features, 2);
    checkSameColumns(TASK, this, features);
    if (features.rows >= this.columns) return this.distance(gaussianOf(features));
    const mean = columnMeans(features);
    const factor = covarianceFactor(features, mean);
    const between = product(factor, asMatrix(this.gaussian));
    return this.#assemble(mean, squaredSum(factor), traceOfRoot(symmetricProduct(between, factor)));
  }

  #assemble(mean: Float64Array, ownTrace: number, rootTrace: number): number {
    const shift = squaredDistance(mean, this.gaussian.mean);
    return shift + trace(this.gaussian) + ownTrace - 2 * rootTrace;
  }
}

/**
 * The Fréchet distance of two distributions, see `FrechetReference.distance()`.
 *
 * @throws {ShapeError} when the shapes do not fit
 * @throws {NonFiniteError} when a number is not finite
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  return new FrechetReference(a).distance(b);
}

/**
 * The Fréchet distance of the distributions of two sets of features: `f32[N, D]` and `f32[M, D]`. Where one set has
 * fewer vectors than features, no `[D, D]` matrix is decomposed, and where both have, none is made.
 *
 * @throws {ShapeError} when the numbers of features differ, or a set has fewer than 2 rows
 * @throws {NonFiniteError} when a number is not finite
 */
export function frechetDistanceOfFeatures(a: Features, b: Features): number {
  checkFeatures(TASK, a, 2);
  checkFeatures(TASK, b, 2);
  checkSameColumns(TASK, a, b);
  const [few, many] = a.rows <= b.rows ? [a, b] : [b, a];
  if (many.rows >= many.columns) return new FrechetReference(gaussianOf(many)).distanceToFeatures(few);
  const [fewMean, manyMean] = [columnMeans(few), columnMeans(many)];
  const fewFactor = covarianceFactor(few, fewMean);
  const manyFactor = covarianceFactor(many, manyMean);
  const between = product(fewFactor, manyFactor);
  return squaredDistance(fewMean, manyMean) + squaredSum(fewFactor) + squaredSum(manyFactor) -
    2 * traceOfRoot(symmetricProduct(between, between));
}

function checkGaussian({ mean, covariance }: Gaussian): void {
  if (mean.length === 0 || covariance.length !== mean.length ** 2) {
    throw new ShapeError(
      `Cannot ${TASK}: a mean [${mean.length}] wants a covariance of ${mean.length ** 2} numbers, ` +
        `got ${covariance.length}`,
    );
  }
  for (const [name, values] of [["mean", mean], ["covariance", covariance]] as const) {
    const broken = values.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new NonFiniteError(
        `Cannot ${TASK}: number ${broken} of the ${name} is ${values[broken]}, wanted a finite number`,
      );
    }
  }
}

function asMatrix({ mean, covariance }: Gaussian): Matrix {
  return { rows: mean.length, columns: mean.length, data: covariance };
}

function trace({ mean, covariance }: Gaussian): number {
  return mean.reduce((sum, _, i) => sum + covariance[i * (mean.length + 1)], 0);
}

function squaredSum({ data }: Matrix): number {
  return data.reduce((sum, value) => sum + value * value, 0);
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
}
