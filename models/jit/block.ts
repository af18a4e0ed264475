import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { type Dropout, NO_DROPOUT } from "../layers/dropout.ts";
import { AdaLn } from "../layers/adaln.ts";
import { gatedWidth, SwigluMlp } from "../layers/mlp.ts";
import { RmsNorm } from "../layers/norm.ts";
import { SWIGLU_EXPERTS } from "../moe/experts.ts";
import { type MoeConfig, type Routing, SparseMoe } from "../moe/sparse_moe.ts";
import { JitAttention, type TokenLayout } from "./attention.ts";
import type { JitModelConfig } from "./config.ts";

/** Dropout at the places of a block. */
export interface BlockDropout {
  /** Of the output of attention. */
  readonly attention: Dropout;
  /** Of the hidden channels of the dense layer or the routed experts. */
  readonly hidden: Dropout;
  /** Of the hidden channels of the shared expert. */
  readonly shared: Dropout;
}

const ALL_OFF: BlockDropout = { attention: NO_DROPOUT, hidden: NO_DROPOUT, shared: NO_DROPOUT };

/** A transformer block of JiT with adaLN-zero: attention, then a dense or a routed feed-forward layer. */
export class JitBlock {
  /** Dotted path of the block. */
  readonly path: string;
  readonly #norm1: RmsNorm;
  readonly #attention: JitAttention;
  readonly #norm2: RmsNorm;
  readonly #dense: SwigluMlp | undefined;
  readonly #moe: SparseMoe | undefined;
  readonly #adaLn: AdaLn;

  /**
   * Declares the block's parameters.
   *
   * @param moe the expert layer's configuration, or null for a dense block
   */
  constructor(
    scope: ParamScope,
    config: Pick<JitModelConfig, "hidden_size" | "num_heads" | "mlp_ratio">,
    moe: MoeConfig | null,
  ) {
    const { hidden_size: hidden, num_heads: heads, mlp_ratio: ratio } = config;
    this.path = scope.path;
    this.#norm1 = new RmsNorm(scope.sub("norm1"), hidden);
    this.#attention = new JitAttention(scope.sub("attn"), hidden, heads);
    this.#norm2 = new RmsNorm(scope.sub("norm2"), hidden);
    if (moe) this.#moe = new SparseMoe(scope.sub("mlp"), hidden, moe, SWIGLU_EXPERTS);
    else this.#dense = new SwigluMlp(scope.sub("mlp"), hidden, gatedWidth(hidden * ratio));
    this.#adaLn = new AdaLn(scope, hidden, 6);
  }

  /**
   * Runs the block.
   *
   * @param x `f32[B, T, D]`
   * @param condition `silu(c)`, `f32[B, D]`
   * @returns the tokens `f32[B, T, D]`, and the routing of a MoE block
   */
  forward(
    x: Tensor,
    condition: Tensor,
    layout: TokenLayout,
    dropout: BlockDropout = ALL_OFF,
  ): { out: Tensor; routing?: Routing } {
    return x.device.at(this.path, () => {
      const [shiftMsa, scaleMsa, gateMsa, shiftMlp, scaleMlp, gateMlp] = [0, 1, 2, 3, 4, 5];
      const vectors = this.#adaLn.forward(condition);
      const normed = vectors.norm(this.#norm1, x, shiftMsa, scaleMsa); // f32[B, T, D]
      const h = vectors.residual(x, this.#attention.forward(normed, layout, dropout.attention), gateMsa);
      const u = vectors.norm(this.#norm2, h, shiftMlp, scaleMlp); // f32[B, T, D]
      if (this.#dense) return { out: vectors.residual(h, this.#dense.forward(u, dropout.hidden), gateMlp) };
      const { out, routing } = this.#moe!.forward(u, dropout.hidden, dropout.shared);
      return { out: vectors.residual(h, out, gateMlp), routing };
    });
  }
}
