import { commonFloat } from "../../engine/core/dtype.ts";
import { zeros } from "../../engine/params/init.ts";
import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { adaLnNorm, adaLnResidual } from "../../kernels/adaln/mod.ts";
import { gatedResidual, modulate } from "../../kernels/elementwise/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { split } from "../../kernels/split/mod.ts";
import { Linear } from "./linear.ts";
import { type Norm, PLAIN_LAYERNORM } from "./norm.ts";

/** The activated condition projected to `parts` adaLN vectors for each batch item. Starts at zero. */
export class AdaLn {
  readonly #linear: Linear;

  /** Declares the projection. */
  constructor(scope: ParamScope, private readonly hidden: number, private readonly parts: number) {
    this.#linear = new Linear(scope.sub("adaLN_modulation.1"), hidden, parts * hidden, { init: zeros() });
  }

  /**
   * The vectors for a condition.
   *
   * @param condition `silu(c)`, `f32[B, D]`: computed once for all layers
   */
  forward(condition: Tensor): Modulation {
    const all = this.#linear.forward(condition); // f32[B, parts*D]
    return new Modulation(reshape(all, [condition.shape[0], this.parts, this.hidden]));
  }
}

/** The adaLN vectors of a layer, and what they do to tokens; vectors go by their number. */
export class Modulation {
  #split: readonly Tensor[] | undefined;

  /**
   * Made by `AdaLn`.
   *
   * @param vectors `f32[B, P, D]`
   */
  constructor(private readonly vectors: Tensor) {}

  /**
   * `norm(x) * (1 + scale) + shift`; one kernel where the norm has no weights.
   *
   * @param x `f32[B, T, D]`
   */
  norm(norm: Norm, x: Tensor, shift: number, scale: number): Tensor {
    if (norm === PLAIN_LAYERNORM) return adaLnNorm(x, this.vectors, { shift, scale });
    this.#split ??= split(this.vectors, 1, this.vectors.shape[1]); // f32[B, 1, D] each
    return modulate(
      norm.forward(x, commonFloat([this.vectors.dtype])),
      this.#split[shift],
      this.#split[scale],
    );
  }

  /**
   * `x + gate * y`.
   *
   * @param x `f32[B, T, D]`
   * @param y `f32[B, T, D]`
   */
  residual(x: Tensor, y: Tensor, gate: number): Tensor {
    // Where the vectors were cut for a norm, their gradients come back cut: all of them, or there would be two sums.
    return this.#split ? gatedResidual(x, this.#split[gate], y) : adaLnResidual(x, y, this.vectors, gate);
  }
}
