import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { Attention } from "../layers/attention.ts";
import { AdaLn } from "../layers/adaln.ts";
import { SiluMlp } from "../layers/mlp.ts";
import { type Norm, PLAIN_LAYERNORM, RmsNorm } from "../layers/norm.ts";
import { type MoeConfig, type Routing, SparseMoe } from "../moe/sparse_moe.ts";
import type { DsmoeModelConfig } from "./config.ts";

/** The hyper-parameters that a block needs. */
export type BlockConfig = Pick<
  DsmoeModelConfig,
  | "hidden_size"
  | "num_heads"
  | "head_dim"
  | "mlp_ratio"
  | "rope_type"
  | "norm_type"
  | "use_sinks"
  | "sliding_window"
  | "enable_gqa"
>;

/** A transformer block with adaLN-zero: attention, then a dense or a routed feed-forward layer. */
export class DsmoeBlock {
  /** Dotted path of the block. */
  readonly path: string;
  readonly #norm1: Norm;
  readonly #norm2: Norm;
  readonly #attention: Attention;
  readonly #dense: SiluMlp | undefined;
  readonly #moe: SparseMoe | undefined;
  readonly #adaLn: AdaLn;

  /**
   * Declares the block's parameters.
   *
   * @param moe the expert layer's configuration, or null for a dense block
   */
  constructor(scope: ParamScope, config: BlockConfig, moe: MoeConfig | null) {
    const hidden = config.hidden_size;
    this.path = scope.path;
    const norm = (name: string): Norm =>
      config.norm_type === "rmsnorm" ? new RmsNorm(scope.sub(name), hidden) : PLAIN_LAYERNORM;
    this.#norm1 = norm("norm1");
    this.#attention = new Attention(scope.sub("attn"), {
      dim: hidden,
      num_heads: config.num_heads,
      head_dim: config.head_dim,
      qkv_bias: true,
      qk_norm: false,
      rope_type: config.rope_type,
      use_sinks: config.use_sinks,
      sliding_window: config.sliding_window,
      enable_gqa: config.enable_gqa,
    });
    this.#norm2 = norm("norm2");
    if (moe) this.#moe = new SparseMoe(scope.sub("mlp"), hidden, moe);
    else this.#dense = new SiluMlp(scope.sub("mlp"), hidden, Math.trunc(hidden * config.mlp_ratio));
    this.#adaLn = new AdaLn(scope, hidden, 6);
  }

  /**
   * Runs the block.
   *
   * @param x `f32[B, T, D]`
   * @param condition `silu(c)`, `f32[B, D]`
   * @returns the tokens `f32[B, T, D]`, and the routing of a MoE block
   */
  forward(x: Tensor, condition: Tensor): { out: Tensor; routing?: Routing } {
    return x.device.at(this.path, () => {
      const [shiftMsa, scaleMsa, gateMsa, shiftMlp, scaleMlp, gateMlp] = [0, 1, 2, 3, 4, 5];
      const vectors = this.#adaLn.forward(condition);
      const attended = this.#attention.forward(vectors.norm(this.#norm1, x, shiftMsa, scaleMsa));
      const h = vectors.residual(x, attended, gateMsa); // f32[B, T, D]
      const u = vectors.norm(this.#norm2, h, shiftMlp, scaleMlp); // f32[B, T, D]
      if (this.#dense) return { out: vectors.residual(h, this.#dense.forward(u), gateMlp) };
      const { out, routing } = this.#moe!.forward(u);
      return { out: vectors.residual(h, out, gateMlp), routing };
    });
  }
}
