import { ShapeError } from "../../engine/core/errors.ts";
import { numpyPermutation } from "../numpy/permutation.ts";
import { checkFeatures, checkSameColumns, type Features } from "./features.ts";

/**
 * How images are divided into the splits whose scores are averaged.
 *
 * - `consecutive`: pieces of `size` images in order; a shorter last piece is kept and weighs as much as the others.
 *   The ADM evaluator does this with pieces of 5,000.
 * - `fidelity`: `splits` pieces, piece `i` being the images from `floor(i N / splits)` to `floor((i + 1) N / splits)`
 *   of a shuffled order. torch-fidelity does this with 10 pieces and NumPy's permutation of seed 2020. `order` gives
 *   another order, `null` none.
 */
export type SplitRule =
  | { readonly kind: "consecutive"; readonly size: number }
  | { readonly kind: "fidelity"; readonly splits: number; readonly order?: ArrayLike<number> | null };

/** The rule of the ADM evaluator. */
export const ADM_SPLITS: SplitRule = { kind: "consecutive", size: 5000 };

/** The rule of torch-fidelity. */
export const FIDELITY_SPLITS: SplitRule = { kind: "fidelity", splits: 10 };

const FIDELITY_SEED = 2020;

/** An Inception Score. */
export interface InceptionScore {
  /** Mean of the splits' scores. */
  readonly mean: number;
  /** Their standard deviation, divisor S. */
  readonly deviation: number;
  /** The score of each split: `f64[S]`. */
  readonly splits: Float64Array;
}

/** Everything that an `InceptionScoreSums` knows; restoring it continues to the same bits. */
export interface InceptionScoreState {
  /** Images seen. */
  readonly seen: number;
  /** Sums of the class probabilities of each split: `f64[S, K]`. */
  readonly probabilities: Float64Array;
  /** Sums of `p log p` of each split: `f64[S]`. */
  readonly negentropies: Float64Array;
}

/**
 * Inception Score of a stream of class logits, in memory that depends on splits and classes only. The number of
 * images must be known before, since the splits depend on it.
 *
 * A split's score is `exp(mean_i KL(p(y|x_i) || p(y)))` with `p(y)` the mean over the split, computed in f64 from
 * logits. Source: Salimans et al., *Improved Techniques for Training GANs* (arXiv 1606.03498), section 4. Evaluators
 * in use take Inception's class logits without their bias.
 */
export class InceptionScoreSums {
  readonly #splitOf: Uint32Array;
  readonly #sizes: Float64Array;
  readonly #probabilities: Float64Array;
  readonly #negentropies: Float64Array;
  #seen = 0;

  /**
   * Starts with no images.
   *
   * @param images number of images `N` that will be added
   * @param columns number of classes `K`
   * @throws {RangeError} when the rule cannot divide so many images, or its order is not one of all of them
   */
  constructor(readonly images: number, readonly columns: number, rule: SplitRule) {
    this.#splitOf = assign(images, rule);
    this.#sizes = new Float64Array(this.#splitOf.reduce((most, split) => Math.max(most, split + 1), 0));
    for (const split of this.#splitOf) this.#sizes[split]++;
    this.#probabilities = new Float64Array(this.#sizes.length * columns);
    this.#negentropies = new Float64Array(this.#sizes.length);
  }

  /** Images added so far. */
  get seen(): number {
    return this.#seen;
  }

  /**
   * Adds the logits of the next images: `f32[n, K]` or `f64[n, K]`.
   *
   * @throws {ShapeError} for another number of classes, or more images than were announced
   * @throws {NonFiniteError} when a logit is not a finite number; nothing is then added
   */
  add(logits: Features): void {
    checkFeatures("compute the Inception Score", logits, 0);
    checkSameColumns("compute the Inception Score", this, logits);
    if (this.#seen + logits.rows > this.images) {
      throw new ShapeError(
        `Cannot add ${logits.rows} images to ${this.#seen}: ${this.images} were announced`,
      );
    }
    for (let row = 0; row < logits.rows; row++) {
      const start = row * this.columns;
      this.#addOne(logits.data.subarray(start, start + this.columns), this.#splitOf[this.#seen++]);
    }
  }

  /**
   * The score of all images.
   *
   * @throws {ShapeError} when fewer than announced were added
   */
  score(): InceptionScore {
    if (this.#seen !== this.images) {
      throw new ShapeError(
        `Cannot compute the Inception Score of ${this.#seen} images: ${this.images} were announced`,
      );
    }
    const splits = this.#sizes.map((size, i) => {
      const sums = this.#probabilities.subarray(i * this.columns, (i + 1) * this.columns);
      const marginal = sums.reduce((total, sum) => sum === 0 ? total : total + sum * Math.log(sum / size), 0);
      return Math.exp((this.#negentropies[i] - marginal) / size);
    });
    return { ...meanAndDeviation(splits), splits };
  }

  /** A copy of the sums, for a file. */
  state(): InceptionScoreState {
    return {
      seen: this.#seen,
      probabilities: this.#probabilities.slice(),
      negentropies: this.#negentropies.slice(),
    };
  }

  /**
   * Continues from a saved state of the same images, classes and rule.
   *
   * @throws {ShapeError} when it is of others
   */
  restore({ seen, probabilities, negentropies }: InceptionScoreState): void {
    const fits = Number.isInteger(seen) && seen >= 0 && seen <= this.images &&
      probabilities.length === this.#probabilities.length &&
      negentropies.length === this.#negentropies.length;
    if (!fits) {
      throw new ShapeError(
        `Cannot restore the Inception Score of ${seen} images, ${probabilities.length} and ${negentropies.length} ` +
          `sums: wanted ${this.images} images, ${this.#probabilities.length} and ${this.#negentropies.length} sums`,
      );
    }
    this.#seen = seen;
    this.#probabilities.set(probabilities);
    this.#negentropies.set(negentropies);
  }

  #addOne(logits: Float32Array | Float64Array, split: number): void {
    let largest = -Infinity;
    for (const value of logits) largest = Math.max(largest, value);
    let total = 0;
    for (const value of logits) total += Math.exp(value - largest);
    const logTotal = Math.log(total);
    let negentropy = 0;
    for (let j = 0; j < logits.length; j++) {
      const logProbability = logits[j] - largest - logTotal;
      const probability = Math.exp(logProbability);
      this.#probabilities[split * this.columns + j] += probability;
      negentropy += probability * logProbability;
    }
    this.#negentropies[split] += negentropy;
  }
}

/**
 * Inception Score of class logits, see `InceptionScoreSums`.
 *
 * @param logits `f32[N, K]`
 * @throws {RangeError} when the rule cannot divide so many images
 * @throws {NonFiniteError} when a logit is not a finite number
 */
export function inceptionScore(logits: Features, rule: SplitRule): InceptionScore {
  const sums = new InceptionScoreSums(logits.rows, logits.columns, rule);
  sums.add(logits);
  return sums.score();
}

/** Mean and population standard deviation. */
export function meanAndDeviation(values: Float64Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

/** The split of every image. */
function assign(images: number, rule: SplitRule): Uint32Array {
  const parts = rule.kind === "consecutive" ? rule.size : rule.splits;
  if (!Number.isInteger(parts) || parts < 1 || images < (rule.kind === "fidelity" ? parts : 1)) {
    const what = rule.kind === "consecutive" ? "pieces of" : "pieces, namely";
    throw new RangeError(`Cannot divide ${images} images into ${what} ${parts}`);
  }
  if (rule.kind === "consecutive") {
    return Uint32Array.from({ length: images }, (_, i) => Math.floor(i / parts));
  }
  const splits = new Uint32Array(images);
  const order = rule.order === undefined ? numpyPermutation(FIDELITY_SEED, images) : rule.order;
  if (order) checkOrder(order, images);
  for (let split = 0; split < parts; split++) {
    const end = Math.floor((split + 1) * images / parts);
    for (let i = Math.floor(split * images / parts); i < end; i++) splits[order ? order[i] : i] = split;
  }
  return splits;
}

function checkOrder(order: ArrayLike<number>, images: number): void {
  const fits = order.length === images && new Set(Array.from(order)).size === images &&
    Array.from(order).every((i) => Number.isInteger(i) && i >= 0 && i < images);
  if (!fits) {
    throw new RangeError(
      `Cannot use this order of ${order.length} images: wanted every number from 0 to ${images - 1} once`,
    );
  }
}
