import { EigenvalueDecomposition, Matrix as MlMatrix } from "ml-matrix";
import type { Matrix } from "./product.ts";

/** Eigenvalues of a symmetric matrix with their vectors. */
interface Spectrum {
  /** In rising order. */
  readonly values: readonly number[];
  readonly vectors: MlMatrix;
}

/** Householder tridiagonalisation and implicit QL steps; 2,048 x 2,048 take about 20 seconds. */
function decompose({ rows, data }: Matrix): Spectrum {
  const matrix = new MlMatrix(rows, rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) matrix.set(i, j, data[i * rows + j]);
  }
  const found = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  return { values: found.realEigenvalues, vectors: found.eigenvectorMatrix };
}

/**
 * The trace of the square root of a symmetric positive semi-definite matrix: the sum of the square roots of its
 * eigenvalues. Those below zero are rounding of zero and count as zero.
 *
 * @param matrix `f64[N, N]`, finite
 */
export function traceOfRoot(matrix: Matrix): number {
  return decompose(matrix).values.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
}

/**
 * A matrix `R` with `R^T R = S`: row `i` is the square root of eigenvalue `i` times its eigenvector. Directions
 * without variance are left out, so a matrix of rank `r` gives `f64[r, N]`.
 *
 * `R` is the symmetric square root of `S` with its rows rotated, so `R T R^T` has the eigenvalues of
 * `S^(1/2) T S^(1/2)` and one product less is needed.
 *
 * @param matrix `f64[N, N]`, symmetric, positive semi-definite up to rounding, finite
 */
export function rootOf(matrix: Matrix): Matrix {
  const { values, vectors } = decompose(matrix);
  const kept = [...values.keys()].filter((i) => values[i] > 0);
  const data = new Float64Array(kept.length * matrix.rows);
  kept.forEach((column, i) => {
    const scale = Math.sqrt(values[column]);
    for (let j = 0; j < matrix.rows; j++) data[i * matrix.rows + j] = scale * vectors.get(j, column);
  });
  return { rows: kept.length, columns: matrix.rows, data };
}
