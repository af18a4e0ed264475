import type { Float } from "../../engine/core/dtype.ts";
import { ones, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { layernorm } from "../../kernels/layernorm/mod.ts";
import { rmsnorm } from "../../kernels/rmsnorm/mod.ts";

/** A normalisation over the last dimension: `f32[..., D] -> f32[..., D]`. */
export interface Norm {
  /**
   * Normalises the last axis.
   *
   * @param out dtype of the result; that of `x` unless given
   */
  forward(x: Tensor, out?: Float): Tensor;
}

/** LayerNorm without learned weights, eps 1e-6: the norm of adaLN blocks. */
export const PLAIN_LAYERNORM: Norm = {
  forward: (x, out) => layernorm(x, undefined, undefined, undefined, out),
};

/** LayerNorm with learned weight and bias. */
export class LayerNorm implements Norm {
  readonly #weight: Parameter;
  readonly #bias: Parameter;

  /** Declares weight and bias. */
  constructor(scope: ParamScope, size: number, private readonly eps: number) {
    this.#weight = scope.parameter("weight", [size], { init: ones() });
    this.#bias = scope.parameter("bias", [size], { init: zeros() });
  }

  /**
   * Normalises the last axis.
   *
   * @param x `f32[..., D]`
   */
  forward(x: Tensor, out?: Float): Tensor {
    return layernorm(x, this.#weight.tensor, this.#bias.tensor, this.eps, out);
  }
}

/** RMSNorm with a learned weight, eps 1e-6 (Zhang and Sennrich, 2019). */
export class RmsNorm implements Norm {
  readonly #weight: Parameter;

  /** Declares the weight. */
  constructor(scope: ParamScope, size: number) {
    this.#weight = scope.parameter("weight", [size], { init: ones() });
  }

  /**
   * Normalises the last axis.
   *
   * @param x `f32[..., D]`
   */
  forward(x: Tensor, out?: Float): Tensor {
    return rmsnorm(x, this.#weight.tensor, undefined, out);
  }
}
