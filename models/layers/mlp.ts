import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { silu, swiglu } from "../../kernels/elementwise/mod.ts";
import { Linear } from "./linear.ts";

/** A feed-forward network on tokens: `f32[B, T, D] -> f32[B, T, D]`. */
export interface FeedForward {
  /** Maps tokens, `f32[B, T, D]` to `f32[B, T, D]`. */
  forward(x: Tensor): Tensor;
}

/** The dense feed-forward layer of DSMoE: Linear, SiLU, Linear, with biases (reference behaviour 18). */
export class SiluMlp implements FeedForward {
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
  forward(x: Tensor): Tensor {
    return this.#fc2.forward(silu(this.#fc1.forward(x))); // f32[B, T, D]
  }
}

/** One gated expert without biases: `down(silu(gate(x)) * up(x))`; the shared expert of DSMoE. */
export class GatedMlp implements FeedForward {
  readonly #gate: Linear;
  readonly #up: Linear;
  readonly #down: Linear;

  /** Declares the three linear layers. */
  constructor(scope: ParamScope, hidden: number, width: number) {
    this.#gate = new Linear(scope.sub("gate_proj"), hidden, width, { bias: false });
    this.#up = new Linear(scope.sub("up_proj"), hidden, width, { bias: false });
    this.#down = new Linear(scope.sub("down_proj"), width, hidden, { bias: false });
  }

  /**
   * Applies the layer.
   *
   * @param x `f32[B, T, D]`
   */
  forward(x: Tensor): Tensor {
    return this.#down.forward(swiglu(this.#gate.forward(x), this.#up.forward(x))); // f32[B, T, D]
  }
}
