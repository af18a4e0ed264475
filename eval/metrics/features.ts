import { NonFiniteError, ShapeError } from "../../engine/core/errors.ts";
import type { Matrix } from "./product.ts";

/** Feature vectors or class logits, one row an image: `f32[N, D]` or `f64[N, D]`, row-major. */
export interface Features {
  /** Number of images. */
  readonly rows: number;
  /** Number of features. */
  readonly columns: number;
  /** The numbers. */
  readonly data: Float32Array | Float64Array;
}

/**
 * Checks features before anything is computed from them.
 *
 * @param task what is about to be done, for the error: `compute FID`
 * @param least smallest number of rows that the task can work with
 * @throws {ShapeError} when the data does not fill the shape, or there are too few rows
 * @throws {NonFiniteError} naming the first row and column that is not a finite number
 */
export function checkFeatures(task: string, features: Features, least = 1): void {
  const { rows, columns, data } = features;
  if (!Number.isInteger(columns) || columns < 1 || data.length !== rows * columns) {
    throw new ShapeError(
      `Cannot ${task} of features [${rows}, ${columns}]: ${
        rows * columns
      } numbers wanted, got ${data.length}`,
    );
  }
  if (rows < least) {
    throw new ShapeError(`Cannot ${task} of ${rows} feature vectors: at least ${least} wanted`);
  }
  const broken = data.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    const [row, column] = [Math.floor(broken / columns), broken % columns];
    throw new NonFiniteError(
      `Cannot ${task}: feature ${column} of row ${row} is ${data[broken]}, wanted a finite number`,
    );
  }
}

/**
 * Checks that two sets hold vectors of one length.
 *
 * @throws {ShapeError} naming both lengths
 */
export function checkSameColumns(task: string, a: { columns: number }, b: { columns: number }): void {
  if (a.columns !== b.columns) {
    throw new ShapeError(
      `Cannot ${task} between features of different models: vectors of ${a.columns} and of ${b.columns} numbers`,
    );
  }
}

/** Rows `from` to `to - 1`, widened: a copy. */
export function rowsOf({ columns, data }: Features, from: number, to: number): Matrix {
  const part = data.subarray(from * columns, to * columns);
  return { rows: to - from, columns, data: Float64Array.from(part) };
}

/** The rows of these numbers, in this order, widened: a copy. */
export function pickRows({ columns, data }: Features, picked: ArrayLike<number>): Matrix {
  const values = new Float64Array(picked.length * columns);
  for (let i = 0; i < picked.length; i++) {
    values.set(data.subarray(picked[i] * columns, (picked[i] + 1) * columns), i * columns);
  }
  return { rows: picked.length, columns, data: values };
}

/** Means of the columns: `f64[D]`. */
export function columnMeans({ rows, columns, data }: Features): Float64Array {
  const means = new Float64Array(columns);
  for (let i = 0; i < data.length; i += columns) {
    for (let j = 0; j < columns; j++) means[j] += data[i + j];
  }
  return means.map((sum) => sum / rows);
}

/**
 * `(x - mean) / sqrt(N - 1)`, a matrix `Y` whose `Y^T Y` is the covariance: `f64[N, D]`.
 *
 * @param means those of `columnMeans()`
 */
export function covarianceFactor({ rows, columns, data }: Features, means: Float64Array): Matrix {
  const scale = 1 / Math.sqrt(rows - 1);
  const values = Float64Array.from(data);
  for (let i = 0; i < values.length; i += columns) {
    for (let j = 0; j < columns; j++) values[i + j] = (values[i + j] - means[j]) * scale;
  }
  return { rows, columns, data: values };
}
