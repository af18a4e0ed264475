import { ShapeError } from "../../engine/core/errors.ts";
import type { Features } from "../metrics/features.ts";
import type { NumpyArray } from "../numpy/array.ts";
import type { NumpyFile } from "../numpy/file.ts";

/** The first rows of a stream of feature vectors. */
export class RowStore {
  readonly #values: Float32Array<ArrayBuffer>;
  #rows = 0;

  /** Takes memory for `capacity` rows. */
  constructor(readonly columns: number, readonly capacity: number) {
    this.#values = new Float32Array(columns * capacity);
  }

  /** Whether the next row would be left out. */
  get full(): boolean {
    return this.#rows === this.capacity;
  }

  /** Adds rows; those beyond the capacity are left out. */
  add(values: Float32Array): void {
    const count = Math.min(values.length / this.columns, this.capacity - this.#rows);
    this.#values.set(values.subarray(0, count * this.columns), this.#rows * this.columns);
    this.#rows += count;
  }

  /** The rows so far; not a copy. */
  features(): Features {
    const data = this.#values.subarray(0, this.#rows * this.columns);
    return { rows: this.#rows, columns: this.columns, data };
  }

  /** The rows as an array of a file. */
  array(): NumpyArray {
    return {
      shape: [this.#rows, this.columns],
      data: this.#values.slice(0, this.#rows * this.columns),
    };
  }

  /**
   * Continues from an array of a file.
   *
   * @throws {CheckpointError} when it is missing or broken
   * @throws {ShapeError} when it is of other sizes
   */
  restore(file: NumpyFile, name: string): void {
    const { shape, data } = file.read(name);
    if (shape.length !== 2 || shape[1] !== this.columns || shape[0] > this.capacity) {
      throw new ShapeError(
        `Cannot restore ${name} of ${file.path}: at most f32[${this.capacity}, ${this.columns}] wanted, ` +
          `got [${shape.join(", ")}]`,
      );
    }
    this.#rows = 0;
    this.add(Float32Array.from(data as Float32Array));
  }
}
