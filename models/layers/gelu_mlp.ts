import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { geluTanh } from "../../kernels/elementwise/mod.ts";
import { type Dropout, NO_DROPOUT } from "./dropout.ts";
import { Linear } from "./linear.ts";
import type { FeedForward } from "./mlp.ts";

/** The dense feed-forward layer of DiT: Linear, tanh-approximated GELU, Linear, with biases (reference behaviour 18). */
export class GeluMlp implements FeedForward {
  readonly #fc1: Linear;
  readonly #fc2: Linear;

  /** Declares the two linear layers. */
  constructor(scope: ParamScope, hidden: number, width: number) {
    this.#fc1 = new Linear(scope.sub("fc1"), hidden, width);
    this.#fc2 = new Linear(scope.sub("fc2"), width, hidden);
  }

  /**
   * Applies the layer.
   *
   * @param x `f32[B, T, D]`
   */
  forward(x: Tensor, dropout: Dropout = NO_DROPOUT): Tensor {
    return this.#fc2.forward(dropout(geluTanh(this.#fc1.forward(x)))); // f32[B, T, D]
  }
}
