import { kaimingNormal, ones, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { conv2d, type Conv2dOptions } from "../../kernels/conv2d/mod.ts";
import { silu } from "../../kernels/elementwise/mod.ts";
import { groupnorm } from "../../kernels/groupnorm/mod.ts";

/** A convolution with bias: `f32[B, C, H, W] -> f32[B, O, H', W']`. */
export class Conv2d {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** Declares weight `f32[outputs, inputs, kernel, kernel]` and bias `f32[outputs]`. */
  constructor(
    scope: ParamScope,
    inputs: number,
    outputs: number,
    kernel: number,
    private readonly options: Conv2dOptions = { padding: (kernel - 1) / 2 },
  ) {
    this.path = scope.path;
    this.#weight = scope.parameter("weight", [outputs, inputs, kernel, kernel], { init: kaimingNormal(1) });
    this.#bias = scope.parameter("bias", [outputs], { init: zeros() });
  }

  /**
   * Applies the layer.
   *
   * @param x `f32[B, C, H, W]`
   */
  forward(x: Tensor): Tensor {
    return x.device.at(this.path, () => conv2d(x, this.#weight.tensor, this.#bias.tensor, this.options));
  }
}

/** Group normalisation (Wu and He, 2018) with learned weight and bias, eps 1e-6. */
export class GroupNorm {
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** Declares weight and bias, `f32[channels]` each. */
  constructor(scope: ParamScope, private readonly groups: number, channels: number) {
    this.#weight = scope.parameter("weight", [channels], { init: ones() });
    this.#bias = scope.parameter("bias", [channels], { init: zeros() });
  }

  /**
   * Normalises each group of channels of each image.
   *
   * @param x `f32[B, C, H, W]`
   */
  forward(x: Tensor): Tensor {
    return groupnorm(x, this.groups, this.#weight.tensor, this.#bias.tensor);
  }

  /** Normalises, then `silu`: what stands before nearly every convolution here. */
  activated(x: Tensor): Tensor {
    return silu(this.forward(x));
  }
}
