import { ShapeError } from "../../engine/core/errors.ts";
import type { FeatureNetwork, ImageFeatures } from "../features.ts";
import {
  ADM_SPLITS,
  type InceptionScore,
  InceptionScoreSums,
  type SplitRule,
} from "../metrics/inception_score.ts";
import { asFloat64, type NumpyArray } from "../numpy/array.ts";
import type { NumpyFile } from "../numpy/file.ts";
import { GaussianSums } from "./gaussian_sums.ts";
import { RowStore } from "./row_store.ts";

/** Sample features that precision, recall and KID look at, as many as in ADM's evaluator. */
const MANIFOLD_SAMPLES = 10_000;

/** A split rule with the name that reports give it. */
export interface NamedRule {
  /** `ADM` or `torch-fidelity`. */
  readonly name: string;
  /** How images are divided. */
  readonly rule: SplitRule;
}

/**
 * The split rules of both evaluators in use.
 *
 * @param splits pieces of torch-fidelity's rule
 */
function splitRules(splits: number): NamedRule[] {
  return [
    { name: "ADM", rule: ADM_SPLITS },
    { name: "torch-fidelity", rule: { kind: "fidelity", splits } },
  ];
}

/** What is gathered of the images of an evaluation. */
export interface FeatureSumsOptions {
  /** Images that will be added. */
  readonly images: number;
  /** Pieces of torch-fidelity's split rule. */
  readonly splits: number;
  /** Whether features themselves are kept, for precision, recall and KID. */
  readonly manifold: boolean;
  /** Sizes of the features. */
  readonly network: Pick<FeatureNetwork, "poolSize" | "spatialSize" | "classes">;
}

interface Score extends NamedRule {
  readonly sums: InceptionScoreSums;
}

/** Everything that the metrics need of the images, in constant memory; it can be saved, and goes on to the same bits. */
export class FeatureSums {
  /** Pool features, for FID. */
  readonly pool: GaussianSums;
  /** Spatial features, for sFID, where the network has them. */
  readonly spatial: GaussianSums | undefined;
  /** Pool features of the first images. */
  readonly manifold: RowStore | undefined;
  readonly #scores: readonly Score[];
  #images = 0;

  /** Starts with no images. */
  constructor(private readonly options: FeatureSumsOptions) {
    const { images, splits, manifold, network } = options;
    this.pool = new GaussianSums(images, network.poolSize);
    if (network.spatialSize > 0) this.spatial = new GaussianSums(images, network.spatialSize);
    if (manifold) this.manifold = new RowStore(network.poolSize, Math.min(images, MANIFOLD_SAMPLES));
    // Fewer images than pieces cannot be divided.
    this.#scores = splitRules(splits)
      .filter(({ rule }) => rule.kind === "consecutive" || rule.splits <= images)
      .map(({ name, rule }) => ({ name, rule, sums: new InceptionScoreSums(images, network.classes, rule) }));
  }

  /** Images added so far. */
  get images(): number {
    return this.#images;
  }

  /**
   * Adds the features of the next images.
   *
   * @throws {NonFiniteError} when one is not a finite number
   * @throws {ShapeError} for more images than were announced
   */
  add({ pool, spatial, logits }: ImageFeatures): void {
    const { poolSize, classes } = this.options.network;
    const count = pool.length / poolSize;
    for (const { sums } of this.#scores) sums.add({ rows: count, columns: classes, data: logits });
    this.pool.add(pool);
    this.spatial?.add(spatial);
    this.manifold?.add(pool);
    this.#images += count;
  }

  /** The Inception Score under each rule that can divide so many images. */
  scores(): (NamedRule & { readonly score: InceptionScore })[] {
    return this.#scores.map(({ name, rule, sums }) => ({ name, rule, score: sums.score() }));
  }

  /** Everything, as arrays of a file. */
  arrays(): Map<string, NumpyArray> {
    const arrays = new Map<string, NumpyArray>([
      ["images", { shape: [], data: Float64Array.of(this.#images) }],
      ...this.pool.arrays("pool"),
      ...this.spatial?.arrays("spatial") ?? [],
    ]);
    if (this.manifold) arrays.set("manifold", this.manifold.array());
    for (const { name, sums } of this.#scores) {
      const { probabilities, negentropies } = sums.state();
      arrays.set(`${name}.probabilities`, {
        shape: [probabilities.length],
        data: Float64Array.from(probabilities),
      });
      arrays.set(`${name}.negentropies`, {
        shape: [negentropies.length],
        data: Float64Array.from(negentropies),
      });
    }
    return arrays;
  }

  /**
   * Continues from arrays of a file.
   *
   * @throws {CheckpointError} when one is missing or broken
   * @throws {ShapeError} when they are of other sizes
   */
  restore(file: NumpyFile): void {
    const [images] = asFloat64(file.read("images"));
    if (!(images <= this.options.images)) {
      throw new ShapeError(
        `Cannot restore ${file.path}: at most ${this.options.images} images wanted, got ${images}`,
      );
    }
    this.pool.restore(file, "pool");
    this.spatial?.restore(file, "spatial");
    this.manifold?.restore(file, "manifold");
    for (const { name, sums } of this.#scores) {
      sums.restore({
        seen: images,
        probabilities: asFloat64(file.read(`${name}.probabilities`)),
        negentropies: asFloat64(file.read(`${name}.negentropies`)),
      });
    }
    this.#images = images;
  }
}
