import type { Shape } from "../../engine/core/shape.ts";
import { type Initializer, normal, zeros } from "../../engine/params/init.ts";
import { type Parameter, ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { add, scale } from "../../kernels/elementwise/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import { permute } from "../../kernels/permute/mod.ts";
import { sumTo } from "../../kernels/reduce/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { slice } from "../../kernels/split/mod.ts";
import type { Probe } from "../model.ts";
import { type InceptionBlock, largestOfHalf, Mixed5, Mixed6, Mixed6a, Mixed7, Mixed7a } from "./blocks.ts";
import { type BasicConv, ConvScope, type ReadValues } from "./conv.ts";

/** Side of the images that the network reads. */
export const INCEPTION_SIZE = 299;

/** Numbers of the pool features of an image. */
export const POOL_SIZE = 2048;

/** Numbers of the spatial features of an image: 7 channels of 17x17 pixels. */
export const SPATIAL_SIZE = 2023;

/** Classes of the logits. */
export const INCEPTION_CLASSES = 1008;

const SPATIAL_CHANNELS = 7;

/** What the network gives for a batch of images. */
export interface InceptionOutput {
  /** Pool features, of FID: `f32[B, 2048]`. */
  readonly pool: Tensor;
  /** Spatial features, of sFID, channels fastest: `f32[B, 2023]` (reference behaviour 62). */
  readonly spatial: Tensor;
  /** Logits without the bias, of the Inception Score: `f32[B, 1008]` (reference behaviour 61). */
  readonly logits: Tensor;
  /** Means over pixels behind the first pool: `f32[B, 64]`. */
  readonly features64: Tensor;
  /** Means over pixels behind the second pool: `f32[B, 192]`. */
  readonly features192: Tensor;
  /** Means over pixels of `Mixed_6e`: `f32[B, 768]`. */
  readonly features768: Tensor;
}

/**
 * Inception v3 (Szegedy et al., arXiv 1512.00567) as FID and Inception Score are defined by it: the graph of 2015-12-05,
 * whose pools differ from torchvision's (reference behaviours 58 to 62).
 */
export class InceptionV3 {
  /** What a weights file has, under its names; declared for the check of shapes, never in memory. */
  readonly params: ParamStore = new ParamStore();
  /** What runs: convolutions with the normalisation folded in, and the classifier. */
  readonly folded: ParamStore = new ParamStore();
  readonly #convs: readonly BasicConv[];
  readonly #stages: ReadonlyMap<string, InceptionBlock>;
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** Declares the parameters; gives them no memory. */
  constructor() {
    const scope = new ConvScope(this.params.root, this.folded.root);
    const valid = { padding: 0 };
    this.#stages = new Map<string, InceptionBlock>([
      ["Conv2d_1a_3x3", scope.conv("Conv2d_1a_3x3", 3, 32, 3, { stride: 2, padding: 0 })],
      ["Conv2d_2a_3x3", scope.conv("Conv2d_2a_3x3", 32, 32, 3, valid)],
      ["Conv2d_2b_3x3", scope.conv("Conv2d_2b_3x3", 32, 64, 3)],
      ["MaxPool_1", { forward: largestOfHalf }],
      ["Conv2d_3b_1x1", scope.conv("Conv2d_3b_1x1", 64, 80, 1)],
      ["Conv2d_4a_3x3", scope.conv("Conv2d_4a_3x3", 80, 192, 3, valid)],
      ["MaxPool_2", { forward: largestOfHalf }],
      ["Mixed_5b", new Mixed5(scope.sub("Mixed_5b"), 192, 32)],
      ["Mixed_5c", new Mixed5(scope.sub("Mixed_5c"), 256, 64)],
      ["Mixed_5d", new Mixed5(scope.sub("Mixed_5d"), 288, 64)],
      ["Mixed_6a", new Mixed6a(scope.sub("Mixed_6a"), 288)],
      ["Mixed_6b", new Mixed6(scope.sub("Mixed_6b"), 128)],
      ["Mixed_6c", new Mixed6(scope.sub("Mixed_6c"), 160)],
      ["Mixed_6d", new Mixed6(scope.sub("Mixed_6d"), 160)],
      ["Mixed_6e", new Mixed6(scope.sub("Mixed_6e"), 192)],
      ["Mixed_7a", new Mixed7a(scope.sub("Mixed_7a"))],
      ["Mixed_7b", new Mixed7(scope.sub("Mixed_7b"), 1280, "average")],
      ["Mixed_7c", new Mixed7(scope.sub("Mixed_7c"), 2048, "maximum")],
    ]);
    this.#convs = scope.convs;
    const classifier: readonly [string, Shape, Initializer][] = [
      ["fc.weight", [INCEPTION_CLASSES, POOL_SIZE], normal(0.02)],
      ["fc.bias", [INCEPTION_CLASSES], zeros()],
    ];
    for (const [name, shape, init] of classifier) this.params.root.parameter(name, shape, { init });
    [this.#weight, this.#bias] = classifier.map(([name, shape, init]) =>
      this.folded.root.parameter(name, shape, { init })
    );
  }

  /**
   * Writes the weights, with every normalisation folded in; `folded` has memory already.
   *
   * @param read the values of one entry of a weights file, which has the names and shapes of `params`
   */
  async load(read: ReadValues): Promise<void> {
    for (const conv of this.#convs) await conv.load(read);
    for (const parameter of [this.#weight, this.#bias]) {
      parameter.tensor.write(await read(parameter.name));
    }
  }

  /**
   * Runs the network.
   *
   * @param x `f32[B, 3, 299, 299]`, about [-1, 1]
   * @param probe sees the output of every stage, under the reference's names
   */
  forward(x: Tensor, probe: Probe = () => {}): InceptionOutput {
    const stage = (name: string, input: Tensor): Tensor => {
      const out = this.#stages.get(name)!.forward(input);
      probe(name, out);
      return out;
    };
    let h = stage("Conv2d_1a_3x3", x); // f32[B, 32, 149, 149]
    h = stage("Conv2d_2a_3x3", h); // f32[B, 32, 147, 147]
    h = stage("Conv2d_2b_3x3", h); // f32[B, 64, 147, 147]
    h = stage("MaxPool_1", h); // f32[B, 64, 73, 73]
    const features64 = meanOverPixels(h); // f32[B, 64]
    h = stage("Conv2d_3b_1x1", h); // f32[B, 80, 73, 73]
    h = stage("Conv2d_4a_3x3", h); // f32[B, 192, 71, 71]
    h = stage("MaxPool_2", h); // f32[B, 192, 35, 35]
    const features192 = meanOverPixels(h); // f32[B, 192]
    h = stage("Mixed_5b", h); // f32[B, 256, 35, 35]
    h = stage("Mixed_5c", h); // f32[B, 288, 35, 35]
    h = stage("Mixed_5d", h); // f32[B, 288, 35, 35]
    h = stage("Mixed_6a", h); // f32[B, 768, 17, 17]
    h = stage("Mixed_6b", h); // f32[B, 768, 17, 17]
    h = stage("Mixed_6c", h); // f32[B, 768, 17, 17]
    h = stage("Mixed_6d", h); // f32[B, 768, 17, 17]
    const spatial = spatialFeatures(h); // f32[B, 2023]
    h = stage("Mixed_6e", h); // f32[B, 768, 17, 17]
    const features768 = meanOverPixels(h); // f32[B, 768]
    h = stage("Mixed_7a", h); // f32[B, 1280, 8, 8]
    h = stage("Mixed_7b", h); // f32[B, 2048, 8, 8]
    h = stage("Mixed_7c", h); // f32[B, 2048, 8, 8]
    const pool = meanOverPixels(h); // f32[B, 2048]
    const logits = linear(pool, this.#weight.tensor); // f32[B, 1008]
    return { pool, spatial, logits, features64, features192, features768 };
  }

  /**
   * Adds the classifier's bias, which neither metric uses.
   *
   * @param logits `f32[B, 1008]` as `forward()` gives them
   * @returns `f32[B, 1008]`
   */
  withBias(logits: Tensor): Tensor {
    return add(logits, this.#bias.tensor);
  }
}

/** `f32[B, C, H, W] -> f32[B, C]`. */
function meanOverPixels(x: Tensor): Tensor {
  const [batch, channels, height, width] = x.shape;
  const sums = sumTo(x, [batch, channels, 1, 1]); // f32[B, C, 1, 1]
  return scale(reshape(sums, [batch, channels]), 1 / (height * width));
}

/** The first channels of `Mixed_6d`, which are those of its 1x1 branch: `f32[B, 768, 17, 17] -> f32[B, 2023]`. */
function spatialFeatures(x: Tensor): Tensor {
  const first = permute(slice(x, 1, 0, SPATIAL_CHANNELS), [0, 2, 3, 1]); // f32[B, 17, 17, 7]
  return reshape(first, [x.shape[0], SPATIAL_SIZE]);
}
