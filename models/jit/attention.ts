import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { attention } from "../../kernels/attention/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { ropeTableInterleaved2d } from "../../kernels/rope/mod.ts";
import { split } from "../../kernels/split/mod.ts";
import { type Dropout, NO_DROPOUT } from "../layers/dropout.ts";
import { Linear } from "../layers/linear.ts";
import { RmsNorm } from "../layers/norm.ts";

/** How tokens are placed: class tokens without a position, then a square grid, row by row. */
export interface TokenLayout {
  /** Class tokens in front. */
  readonly leading: number;
  /** Image tokens along one side. */
  readonly grid: number;
}

/**
 * Multi-head self-attention of JiT: RMSNorm over each head of q and k, then interleaved 2-D rotary positions
 * (reference behaviours 10 and 13).
 */
export class JitAttention {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #qNorm: RmsNorm;
  readonly #kNorm: RmsNorm;
  readonly #qkv: Linear;
  readonly #proj: Linear;

  /**
   * Declares the layer's parameters.
   *
   * @param hidden D, a multiple of `4 * heads`
   */
  constructor(scope: ParamScope, private readonly hidden: number, private readonly heads: number) {
    this.path = scope.path;
    this.#qNorm = new RmsNorm(scope.sub("q_norm"), hidden / heads);
    this.#kNorm = new RmsNorm(scope.sub("k_norm"), hidden / heads);
    this.#qkv = new Linear(scope.sub("qkv"), hidden, 3 * hidden);
    this.#proj = new Linear(scope.sub("proj"), hidden, hidden);
  }

  /**
   * Lets every token look at every other.
   *
   * @param x `f32[B, T, D]`
   * @param dropout of the output
   * @returns `f32[B, T, D]`
   */
  forward(x: Tensor, layout: TokenLayout, dropout: Dropout = NO_DROPOUT): Tensor {
    return x.device.at(this.path, () => {
      const [batch, tokens] = x.shape;
      const [q, k, v] = split(this.#qkv.forward(x), 2, 3) // f32[B, T, D]
        .map((part) => reshape(part, [batch, tokens, this.heads, this.hidden / this.heads]));
      const mixed = attention(
        { q: this.#qNorm.forward(q), k: this.#kNorm.forward(k), v },
        { rope: { table: this.#table(x, layout), rotation: { pairing: "interleaved" } } },
      ); // f32[B, T, H, d]
      return dropout(this.#proj.forward(reshape(mixed, [batch, tokens, this.hidden]))); // f32[B, T, D]
    });
  }

  #table({ device }: Tensor, { grid, leading }: TokenLayout): Tensor {
    const headDim = this.hidden / this.heads;
    return device.constant(
      `rope interleaved ${leading} ${grid} ${headDim}`,
      () => ropeTableInterleaved2d(grid, grid, headDim, leading),
    );
  }
}
