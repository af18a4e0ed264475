import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { silu, swiglu } from "../../kernels/elementwise/mod.ts";
import { gatedLinear } from "../../kernels/gated_matmul/mod.ts";
import { split } from "../../kernels/split/mod.ts";
import { type Dropout, NO_DROPOUT } from "./dropout.ts";
import { Linear } from "./linear.ts";

/** A feed-forward network on tokens: `f32[B, T, D] -> f32[B, T, D]`. */
export interface FeedForward {
  /**
   * Maps tokens.
   *
   * @param x `f32[B, T, D]`
   * @param dropout of the hidden channels
   * @returns `f32[B, T, D]`
   */
  forward(x: Tensor, dropout?: Dropout): Tensor;
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
  forward(x: Tensor, dropout: Dropout = NO_DROPOUT): Tensor {
    return this.#fc2.forward(dropout(silu(this.#fc1.forward(x)))); // f32[B, T, D]
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
  forward(x: Tensor, dropout: Dropout = NO_DROPOUT): Tensor {
    const hidden = gatedLinear(x, this.#gate.weight.tensor, this.#up.weight.tensor); // f32[B, T, I]
    return this.#down.forward(dropout(hidden)); // f32[B, T, D]
  }
}

/**
 * The gated feed-forward layer of JiT: one matrix gives `[x1 | x2]`, then `w3(silu(x1) * x2)`, with biases (reference
 * behaviour 20).
 */
export class SwigluMlp implements FeedForward {
  readonly #w12: Linear;
  readonly #w3: Linear;

  /** Declares the two linear layers. */
  constructor(scope: ParamScope, hidden: number, width: number) {
    this.#w12 = new Linear(scope.sub("w12"), hidden, 2 * width);
    this.#w3 = new Linear(scope.sub("w3"), width, hidden);
  }

  /**
   * Applies the layer.
   *
   * @param x `f32[B, T, D]`
   */
  forward(x: Tensor, dropout: Dropout = NO_DROPOUT): Tensor {
    const [gate, value] = split(this.#w12.forward(x), -1, 2); // f32[B, T, I]
    return this.#w3.forward(dropout(swiglu(gate, value))); // f32[B, T, D]
  }
}

/** Hidden channels of a gated layer as wide in parameters as a plain one of `width`: two thirds, rounded down. */
export function gatedWidth(width: number): number {
  return Math.trunc(Math.trunc(width) * 2 / 3);
}
