import { zeros } from "../../engine/params/init.ts";
import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { AdaLn } from "./adaln.ts";
import { Linear } from "./linear.ts";
import { type Norm, PLAIN_LAYERNORM, RmsNorm } from "./norm.ts";

/** The output layer: adaLN over a normalisation, then a linear map to patches. */
export class FinalLayer {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #norm: Norm;
  readonly #linear: Linear;
  readonly #adaLn: AdaLn;

  /**
   * Declares the layer's parameters.
   *
   * @param norm an affine-free LayerNorm, or JiT's RMSNorm with a weight (behaviour 6)
   */
  constructor(
    scope: ParamScope,
    hidden: number,
    outputs: number,
    norm: "layernorm" | "rmsnorm" = "layernorm",
  ) {
    this.path = scope.path;
    this.#norm = norm === "rmsnorm" ? new RmsNorm(scope.sub("norm_final"), hidden) : PLAIN_LAYERNORM;
    this.#linear = new Linear(scope.sub("linear"), hidden, outputs, { init: zeros() });
    this.#adaLn = new AdaLn(scope, hidden, 2);
  }

  /**
   * Maps tokens to patches.
   *
   * @param x `f32[B, T, D]`
   * @param condition `silu(c)`, `f32[B, D]`
   * @returns `f32[B, T, outputs]`
   */
  forward(x: Tensor, condition: Tensor): Tensor {
    return x.device.at(this.path, () => {
      const modulation = this.#adaLn.forward(condition); // shift, scale
      // The loss is made of this: it keeps all digits.
      return this.#linear.forward(modulation.norm(this.#norm, x, 0, 1), "f32");
    });
  }
}
