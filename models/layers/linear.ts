import { commonFloat, type Float } from "../../engine/core/dtype.ts";
import type { Initializer } from "../../engine/params/init.ts";
import { xavierUniform, zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { linear } from "../../kernels/matmul/mod.ts";

/** Options of a linear layer. */
export interface LinearOptions {
  /** True unless given. */
  readonly bias?: boolean;
  /** Rule for the weight; xavier uniform unless given, as in the reference. */
  readonly init?: Initializer;
}

/** `y = x W^T + b`, with `weight: f32[out, in]` and `bias: f32[out]`. */
export class Linear {
  /** Dotted path of the layer. */
  readonly path: string;
  /** `f32[out, in]`. */
  readonly weight: Parameter;
  /** `f32[out]`, where there is one. */
  readonly bias: Parameter | undefined;

  /** Declares weight and bias. */
  constructor(scope: ParamScope, inputs: number, outputs: number, options: LinearOptions = {}) {
    this.path = scope.path;
    const init = options.init ?? xavierUniform();
    this.weight = scope.parameter("weight", [outputs, inputs], { init, castable: true });
    if (options.bias ?? true) this.bias = scope.parameter("bias", [outputs], { init: zeros() });
  }

  /**
   * Applies the layer.
   *
   * @param x `f32[..., in]`
   * @param out dtype of the result; that of the weight unless given
   * @returns `f32[..., out]`
   */
  forward(x: Tensor, out?: Float): Tensor {
    const weight = this.weight.tensor;
    return x.device.at(
      this.path,
      () => linear(x, weight, this.bias?.tensor, out ?? commonFloat([weight.dtype])),
    );
  }
}
