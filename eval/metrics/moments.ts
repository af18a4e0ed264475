import { ShapeError } from "../../engine/core/errors.ts";
import { checkFeatures, checkSameColumns, columnMeans, type Features, rowsOf } from "./features.ts";
import { addProduct, type Matrix, mirrorLower } from "./product.ts";

/** Rows that are merged at once. */
const BLOCK = 256;

/** Everything that a `FeatureMoments` knows; restoring it continues to the same bits. */
export interface MomentsState {
  /** Rows merged so far. */
  readonly merged: number;
  /** Their mean: `f64[D]`. */
  readonly mean: Float64Array;
  /** Sum of `(x - mean)(x - mean)^T` over them, the lower triangle: `f64[D, D]`. */
  readonly scatter: Float64Array;
  /** Rows that wait for their block to fill: `f64[P, D]`, `P` below 256. */
  readonly pending: Float64Array;
}

/**
 * Mean and covariance of a stream of feature vectors in constant memory: 8 (D^2 + 768 D) bytes, 46 MB for 2,048
 * features, and twice that again while the covariance is asked for.
 *
 * Rows are merged in blocks of 256 whatever the batches are, so the result is the same to the last bit for every way
 * to cut the stream, and after a restart from `state()`. Blocks are merged by Chan's update around their own means,
 * which loses no digits to a large mean.
 *
 * Source: Chan, Golub, LeVeque, *Updating Formulae and a Pairwise Algorithm for Computing Sample Variances* (1979).
 */
export class FeatureMoments {
  #merged = 0;
  readonly #mean: Float64Array;
  readonly #scatter: Float64Array;
  readonly #pending: Float64Array;
  #waiting = 0;

  /**
   * Starts with no rows.
   *
   * @param columns number of features `D`
   * @throws {ShapeError} when it is not a whole number of at least 1
   */
  constructor(readonly columns: number) {
    if (!Number.isInteger(columns) || columns < 1) {
      throw new ShapeError(`Cannot gather moments of ${columns} features: wanted at least 1`);
    }
    this.#mean = new Float64Array(columns);
    this.#scatter = new Float64Array(columns * columns);
    this.#pending = new Float64Array(BLOCK * columns);
  }

  /**
   * Continues from a saved state, which is copied.
   *
   * @throws {ShapeError} when the parts do not fit each other
   * @throws {NonFiniteError} when a number is not finite
   */
  static restore(state: MomentsState): FeatureMoments {
    const { merged, mean, scatter, pending } = state;
    const moments = new FeatureMoments(mean.length);
    const waiting = pending.length / mean.length;
    const fits = scatter.length === mean.length ** 2 && Number.isInteger(waiting) && waiting < BLOCK &&
      Number.isSafeInteger(merged) && merged >= 0 && merged % BLOCK === 0;
    if (!fits) {
      throw new ShapeError(
        `Cannot restore moments: ${merged} merged rows, mean [${mean.length}], scatter of ${scatter.length} ` +
          `and ${pending.length} waiting numbers do not fit each other`,
      );
    }
    for (const data of [mean, scatter, pending]) {
      checkFeatures("restore moments", { rows: data.length / mean.length, columns: mean.length, data }, 0);
    }
    moments.#merged = merged;
    moments.#mean.set(mean);
    moments.#scatter.set(scatter);
    moments.#pending.set(pending);
    moments.#waiting = waiting;
    return moments;
  }

  /** Rows added so far. */
  get rows(): number {
    return this.#merged + this.#waiting;
  }

  /**
   * Adds feature vectors, `f32[N, D]` or `f64[N, D]`.
   *
   * @throws {ShapeError} when they have another length
   * @throws {NonFiniteError} when one is not a finite number; nothing is then added
   */
  add(features: Features): void {
    checkFeatures("gather moments", features, 0);
    checkSameColumns("gather moments", this, features);
    for (let from = 0; from < features.rows;) {
      const to = Math.min(features.rows, from + BLOCK - this.#waiting);
      const part = features.data.subarray(from * this.columns, to * this.columns);
      this.#pending.set(part, this.#waiting * this.columns);
      this.#waiting += to - from;
      from = to;
      if (this.#waiting === BLOCK) this.#merge();
    }
  }

  /**
   * The mean: `f64[D]`.
   *
   * @throws {ShapeError} when nothing was added
   */
  mean(): Float64Array {
    return this.#complete(1).#mean;
  }

  /**
   * The covariance, divisor N - 1: `f64[D, D]`.
   *
   * @throws {ShapeError} for fewer than 2 rows
   */
  covariance(): Float64Array {
    const scatter = this.#complete(2).#scatter;
    const divisor = this.rows - 1;
    mirrorLower(scatter, this.columns);
    return scatter.map((sum) => sum / divisor);
  }

  /** A copy of everything, for a file. */
  state(): MomentsState {
    return {
      merged: this.#merged,
      mean: this.#mean.slice(),
      scatter: this.#scatter.slice(),
      pending: this.#pending.slice(0, this.#waiting * this.columns),
    };
  }

  /** A copy whose rows are all merged. */
  #complete(least: number): FeatureMoments {
    if (this.rows < least) {
      throw new ShapeError(
        `Cannot compute moments of ${this.rows} feature vectors: at least ${least} wanted`,
      );
    }
    const copy = FeatureMoments.restore(this.state());
    copy.#merge();
    return copy;
  }

  #merge(): void {
    if (this.#waiting === 0) return;
    const block = rowsOf(this.#block(), 0, this.#waiting);
    const blockMean = columnMeans(block);
    const total = this.#merged + this.#waiting;
    const shift = blockMean.map((mean, j) => mean - this.#mean[j]);
    const weight = Math.sqrt(this.#merged * this.#waiting / total);
    const centred = centredColumns(block, blockMean, shift.map((value) => weight * value));
    addProduct(this.#scatter, centred, centred, true);
    for (let j = 0; j < this.columns; j++) this.#mean[j] += shift[j] * (this.#waiting / total);
    this.#merged = total;
    this.#waiting = 0;
  }

  #block(): Features {
    const data = this.#pending.subarray(0, this.#waiting * this.columns);
    return { rows: this.#waiting, columns: this.columns, data };
  }
}

/** Features as rows: the centred block, then one more column that carries the distance of the two means. */
function centredColumns({ rows, columns, data }: Matrix, means: Float64Array, last: Float64Array): Matrix {
  const result = new Float64Array(columns * (rows + 1));
  for (let j = 0; j < columns; j++) {
    const start = j * (rows + 1);
    for (let i = 0; i < rows; i++) result[start + i] = data[i * columns + j] - means[j];
    result[start + rows] = last[j];
  }
  return { rows: columns, columns: rows + 1, data: result };
}
