import { normal, xavierUniform, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { cosSinFeature, silu } from "../../kernels/elementwise/mod.ts";
import { embedding } from "../../kernels/embedding/mod.ts";
import { linear } from "../../kernels/matmul/mod.ts";
import { patchify } from "../../kernels/patchify/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { Linear } from "./linear.ts";

const MAX_PERIOD = 10_000;

/** Sinusoidal features of the time, then Linear, SiLU, Linear (reference behaviour 2). */
export class TimestepEmbedder {
  readonly #first: Linear;
  readonly #second: Linear;

  /** Declares the two linear layers. */
  constructor(scope: ParamScope, hidden: number, private readonly features = 256) {
    this.#first = new Linear(scope.sub("mlp.0"), features, hidden, { init: normal(0.02) });
    this.#second = new Linear(scope.sub("mlp.2"), hidden, hidden, { init: normal(0.02) });
  }

  /**
   * `[cos | sin]` of the time at `features / 2` frequencies. The time is not scaled: it stays in [0, 1].
   *
   * @param t `f32[B]`
   * @returns `f32[B, features]`
   */
  frequencies(t: Tensor): Tensor {
    const { features } = this;
    const half = features / 2;
    const frequency = t.device.constant(`timestep frequencies ${features}`, () => ({
      shape: [features],
      data: Float32Array.from(
        { length: features },
        (_, i) => Math.exp(-Math.log(MAX_PERIOD) * (i % half) / half),
      ),
    }));
    const isSin = t.device.constant(`timestep is sin ${features}`, () => ({
      shape: [features],
      data: Float32Array.from({ length: features }, (_, i) => i < half ? 0 : 1),
    }));
    return cosSinFeature(reshape(t, [t.size, 1]), frequency, isSin);
  }

  /**
   * Embeds times.
   *
   * @param t `f32[B]` in [0, 1]
   * @returns `f32[B, D]`
   */
  forward(t: Tensor): Tensor {
    return this.#second.forward(silu(this.#first.forward(this.frequencies(t)))); // f32[B, D]
  }
}

/** A table of class vectors with one more row: the null class of classifier-free guidance. */
export class LabelEmbedder {
  readonly #table: Parameter;

  /** Declares the table. */
  constructor(scope: ParamScope, classes: number, hidden: number) {
    this.#table = scope.parameter("embedding_table.weight", [classes + 1, hidden], { init: normal(0.02) });
  }

  /**
   * Looks labels up.
   *
   * @param y `i32[B]`, `classes` being the null class
   * @returns `f32[B, D]`
   */
  forward(y: Tensor): Tensor {
    return embedding(this.#table.tensor, y);
  }
}

/** Cuts an image into patches and projects each: a convolution with kernel = stride = patch. */
export class PatchEmbed {
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** Declares the projection. */
  constructor(
    scope: ParamScope,
    channels: number,
    private readonly patch: number,
    private readonly hidden: number,
  ) {
    this.#weight = scope.parameter("proj.weight", [hidden, channels, patch, patch], {
      init: xavierUniform(),
      castable: true,
    });
    this.#bias = scope.parameter("proj.bias", [hidden], { init: zeros() });
  }

  /**
   * Cuts and projects images.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, N, D]`, tokens in row-major order
   */
  forward(x: Tensor): Tensor {
    const patches = patchify(x, this.patch, "chw"); // f32[B, N, C*p*p]
    const weight = reshape(this.#weight.tensor, [this.hidden, patches.shape[2]]);
    return linear(patches, weight, this.#bias.tensor); // f32[B, N, D]
  }
}

/**
 * Cuts an image into patches and projects each through a few channels: a convolution with kernel = stride = patch and
 * no bias, then a 1x1 convolution with bias (reference behaviour 16; JiT, arXiv 2511.13720).
 */
export class BottleneckPatchEmbed {
  readonly #squeeze: Parameter;
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** Declares the two projections. */
  constructor(
    scope: ParamScope,
    channels: number,
    private readonly patch: number,
    private readonly bottleneck: number,
    private readonly hidden: number,
  ) {
    const options = { init: xavierUniform(), castable: true };
    this.#squeeze = scope.parameter("proj1.weight", [bottleneck, channels, patch, patch], options);
    this.#weight = scope.parameter("proj2.weight", [hidden, bottleneck, 1, 1], options);
    this.#bias = scope.parameter("proj2.bias", [hidden], { init: zeros() });
  }

  /**
   * Cuts and projects images.
   *
   * @param x `f32[B, C, H, W]`
   * @returns `f32[B, N, D]`, tokens in row-major order
   */
  forward(x: Tensor): Tensor {
    const patches = patchify(x, this.patch, "chw"); // f32[B, N, C*p*p]
    const squeeze = reshape(this.#squeeze.tensor, [this.bottleneck, patches.shape[2]]);
    const squeezed = linear(patches, squeeze); // f32[B, N, bottleneck]
    const weight = reshape(this.#weight.tensor, [this.hidden, this.bottleneck]);
    return linear(squeezed, weight, this.#bias.tensor); // f32[B, N, D]
  }
}
