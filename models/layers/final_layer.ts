import { zeros } from "../../engine/params/init.ts";
import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { modulate, silu } from "../../kernels/elementwise/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { split } from "../../kernels/split/mod.ts";
import { Linear } from "./linear.ts";
import { type Norm, PLAIN_LAYERNORM, RmsNorm } from "./norm.ts";

/** `SiLU(c)` projected and cut into `parts` adaLN vectors, each `f32[B, 1, D]`. Starts at zero. */
export class AdaLn {
  readonly #linear: Linear;

  /** Declares the projection. */
  constructor(scope: ParamScope, private readonly hidden: number, private readonly parts: number) {
    this.#linear = new Linear(scope.sub("adaLN_modulation.1"), hidden, parts * hidden, { init: zeros() });
  }

  /**
   * The vectors for a condition.
   *
   * @param c `f32[B, D]`
   */
  forward(c: Tensor): Tensor[] {
    const all = this.#linear.forward(silu(c)); // f32[B, parts*D]
    return split(all, 1, this.parts).map((part) => reshape(part, [c.shape[0], 1, this.hidden]));
  }
}

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
   * @param c `f32[B, D]`
   * @returns `f32[B, T, outputs]`
   */
  forward(x: Tensor, c: Tensor): Tensor {
    return x.device.at(this.path, () => {
      const [shift, scale] = this.#adaLn.forward(c); // f32[B, 1, D]
      return this.#linear.forward(modulate(this.#norm.forward(x), shift, scale));
    });
  }
}
