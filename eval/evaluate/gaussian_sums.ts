import { FeatureMoments } from "../metrics/moments.ts";
import type { FrechetReference, Gaussian } from "../metrics/frechet.ts";
import { momentsArrays, readMoments } from "../metrics/statistics_file.ts";
import type { NumpyArray } from "../numpy/array.ts";
import type { NumpyFile } from "../numpy/file.ts";
import { RowStore } from "./row_store.ts";

/**
 * What a Fréchet distance needs of a known number of images, in memory that does not grow with it: mean and covariance,
 * or the vectors themselves where there are fewer of them than features.
 */
export class GaussianSums {
  readonly #rows: RowStore | undefined;
  #moments: FeatureMoments;

  /**
   * Starts with no images.
   *
   * @param images number of images that will be added
   * @param columns number of features
   */
  constructor(images: number, readonly columns: number) {
    this.#rows = images < columns ? new RowStore(columns, images) : undefined;
    this.#moments = new FeatureMoments(this.#rows ? 1 : columns);
  }

  /** Whether the distance is that of the vectors: its eigenvalues are those of an `[N, N]` matrix. */
  get fewer(): boolean {
    return this.#rows !== undefined;
  }

  /**
   * Adds feature vectors, `f32[n, D]`.
   *
   * @throws {NonFiniteError} when one is not a finite number
   */
  add(data: Float32Array): void {
    if (this.#rows) this.#rows.add(data);
    else this.#moments.add({ rows: data.length / this.columns, columns: this.columns, data });
  }

  /** The Fréchet distance from a reference. */
  distanceTo(reference: FrechetReference): number {
    return this.#rows
      ? reference.distanceToFeatures(this.#rows.features())
      : reference.distance(this.gaussian());
  }

  /** Mean and covariance. */
  gaussian(): Gaussian {
    const moments = this.#moments;
    if (!this.#rows) return { mean: moments.mean(), covariance: moments.covariance() };
    const own = new FeatureMoments(this.columns);
    own.add(this.#rows.features());
    return { mean: own.mean(), covariance: own.covariance() };
  }

  /** Everything, as arrays of a file. */
  arrays(prefix: string): Map<string, NumpyArray> {
    return this.#rows
      ? new Map([[`${prefix}.rows`, this.#rows.array()]])
      : momentsArrays(prefix, this.#moments);
  }

  /**
   * Continues from arrays of a file, to the same bits.
   *
   * @throws {CheckpointError} when one is missing or broken
   * @throws {ShapeError} when they are of other sizes
   */
  restore(file: NumpyFile, prefix: string): void {
    if (this.#rows) this.#rows.restore(file, `${prefix}.rows`);
    else this.#moments = readMoments(file, prefix);
  }
}
