import { kaimingNormal, normal, ones, zeros } from "../../engine/params/init.ts";
import { type Parameter, type ParamScope, ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { conv2d } from "../../kernels/conv2d/mod.ts";
import { affine, silu } from "../../kernels/elementwise/mod.ts";
import { groupnorm } from "../../kernels/groupnorm/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import { avgPool2d, maxPool2d } from "../../kernels/pool/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { slice } from "../../kernels/split/mod.ts";

/** Name of the network and of its training in reports: other layers or another recipe take another number. */
export const CLASSIFIER_NAME = "tessera-classifier-v1";

/** Channels of the layers, stage by stage; each stage but the first begins with a pooling. */
const STAGES: readonly (readonly number[])[] = [[24], [48], [96, 96], [128]];

/** Channels of a group that is normalised together. */
const GROUP_CHANNELS = 8;

/** The stage whose map gives the spatial features, and how many of its channels do, as for sFID. */
const SPATIAL_STAGE = 2;
const SPATIAL_CHANNELS = 7;

/** Pixels that images are brought to, at least, before the first layer. */
const WORKING_SIDE = 32;

/** Numbers of the pool features. */
export const CLASSIFIER_POOL_SIZE = 128;

/** What the network computes. */
export interface ClassifierOutputs {
  /** The last stage, averaged over pixels: `f32[B, 128]`. */
  readonly pool: Tensor;
  /** Seven channels of the map before the last pooling: `f32[B, 7 s s]`. */
  readonly spatial: Tensor;
  /** `f32[B, classes]` */
  readonly logits: Tensor;
}

/** Convolution 3 by 3, group normalisation, SiLU. */
class Layer {
  readonly #path: string;
  readonly #weight: Parameter;
  readonly #scale: Parameter;
  readonly #shift: Parameter;

  constructor(scope: ParamScope, from: number, private readonly channels: number) {
    this.#path = scope.path;
    this.#weight = scope.parameter("conv.weight", [channels, from, 3, 3], { init: kaimingNormal() });
    this.#scale = scope.parameter("norm.weight", [channels], { init: ones() });
    this.#shift = scope.parameter("norm.bias", [channels], { init: zeros() });
  }

  forward(x: Tensor): Tensor {
    return x.device.at(this.#path, () => {
      const y = conv2d(x, this.#weight.tensor, undefined, { padding: 1 });
      const groups = this.channels / GROUP_CHANNELS;
      return silu(groupnorm(y, groups, this.#scale.tensor, this.#shift.tensor));
    });
  }
}

/** A small convolutional classifier of square images. */
export class ClassifierNetwork implements Disposable {
  /** All weights. */
  readonly params: ParamStore = new ParamStore();
  readonly #stages: readonly (readonly Layer[])[];
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** Declares the parameters. */
  constructor(readonly classes: number, readonly imageSize: number) {
    let channels = 3;
    this.#stages = STAGES.map((widths, stage) =>
      widths.map((width, i) => {
        const layer = new Layer(this.params.root.sub(`stages.${stage}.${i}`), channels, width);
        channels = width;
        return layer;
      })
    );
    const head = this.params.root.sub("head");
    this.#weight = head.parameter("weight", [classes, channels], { init: normal(0.01) });
    this.#bias = head.parameter("bias", [classes], { init: zeros() });
  }

  /** Numbers of the spatial features. */
  get spatialSize(): number {
    let side = Math.floor(this.imageSize / this.#shrink);
    for (let stage = 1; stage <= SPATIAL_STAGE; stage++) side = Math.max(1, Math.floor(side / 2));
    return SPATIAL_CHANNELS * side * side;
  }

  /** Pixels that are averaged before the first layer, along a side: large images would only take longer. */
  get #shrink(): number {
    return Math.max(1, Math.floor(this.imageSize / WORKING_SIDE));
  }

  /**
   * Sees images.
   *
   * @param pixels `f32[B, 3, S, S]`, 0 to 255
   */
  forward(pixels: Tensor): ClassifierOutputs {
    const batch = pixels.shape[0];
    const shrink = this.#shrink;
    const small = shrink === 1 ? pixels : avgPool2d(pixels, { kernel: shrink });
    let x = affine(small, 1 / 127.5, -1);
    let spatial = x;
    this.#stages.forEach((layers, stage) => {
      if (stage > 0) x = maxPool2d(x, { kernel: Math.min(2, x.shape[2]) });
      for (const layer of layers) x = layer.forward(x);
      if (stage === SPATIAL_STAGE) spatial = slice(x, 1, 0, SPATIAL_CHANNELS);
    });
    const pool = reshape(avgPool2d(x, { kernel: x.shape[2] }), [batch, x.shape[1]]);
    return {
      pool,
      spatial: reshape(spatial, [batch, this.spatialSize]),
      logits: linear(pool, this.#weight.tensor, this.#bias.tensor),
    };
  }

  /** Releases the weights. */
  [Symbol.dispose](): void {
    this.params[Symbol.dispose]();
  }
}
