import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { Attention } from "../layers/attention.ts";
import { AdaLn } from "../layers/adaln.ts";
import { GeluMlp } from "../layers/gelu_mlp.ts";
import { type FeedForward, GatedMlp } from "../layers/mlp.ts";
import { PLAIN_LAYERNORM } from "../layers/norm.ts";
import type { TrainingContext } from "../model.ts";
import type { Routing } from "../moe/sparse_moe.ts";
import { type DitModelConfig, feedForwardWidth } from "./config.ts";

/** What a feed-forward layer gives, dense or routed. */
export interface LayerResult {
  /** `f32[B, T, D]`. */
  readonly out: Tensor;
  /** How a routed layer routed its tokens. */
  readonly routing?: Routing;
}

/** The feed-forward layer of a block. */
export interface DitLayer {
  /**
   * Maps tokens.
   *
   * @param x `f32[B, T, D]`
   * @param training absent when sampling
   */
  forward(x: Tensor, training?: TrainingContext): LayerResult;
}

/** Declares the feed-forward layer of a block under its scope. */
export type DitLayerKind = (scope: ParamScope, model: DitModelConfig) => DitLayer;

/** A dense feed-forward layer: GELU with biases, or gated without (reference behaviour 18). */
export const DENSE_LAYER: DitLayerKind = (scope: ParamScope, model: DitModelConfig): DitLayer => {
  const width = feedForwardWidth(model);
  const dense: FeedForward = model.use_swiglu
    ? new GatedMlp(scope, model.hidden_size, width)
    : new GeluMlp(scope, model.hidden_size, width);
  return { forward: (x) => ({ out: dense.forward(x) }) };
};

/** A transformer block with adaLN-zero: attention, then a feed-forward layer (Peebles and Xie, arXiv 2212.09748). */
export class DitBlock {
  /** Dotted path of the block. */
  readonly path: string;
  readonly #attention: Attention;
  readonly #layer: DitLayer;
  readonly #adaLn: AdaLn;

  /** Declares the block's parameters. */
  constructor(scope: ParamScope, model: DitModelConfig, layer: DitLayerKind) {
    this.path = scope.path;
    this.#attention = new Attention(scope.sub("attn"), {
      dim: model.hidden_size,
      num_heads: model.num_heads,
      head_dim: null,
      qkv_bias: true,
      qk_norm: false,
      rope_type: "none",
      use_sinks: false,
      sliding_window: 0,
      enable_gqa: false,
    });
    this.#layer = layer(scope.sub("mlp"), model);
    this.#adaLn = new AdaLn(scope, model.hidden_size, 6);
  }

  /**
   * Runs the block.
   *
   * @param x `f32[B, T, D]`
   * @param condition `silu(c)`, `f32[B, D]`
   * @param training absent when sampling
   * @returns the tokens `f32[B, T, D]`, and the routing of a MoE block
   */
  forward(x: Tensor, condition: Tensor, training?: TrainingContext): LayerResult {
    return x.device.at(this.path, () => {
      const [shiftMsa, scaleMsa, gateMsa, shiftMlp, scaleMlp, gateMlp] = [0, 1, 2, 3, 4, 5];
      const vectors = this.#adaLn.forward(condition);
      const attended = this.#attention.forward(vectors.norm(PLAIN_LAYERNORM, x, shiftMsa, scaleMsa));
      const h = vectors.residual(x, attended, gateMsa); // f32[B, T, D]
      const u = vectors.norm(PLAIN_LAYERNORM, h, shiftMlp, scaleMlp); // f32[B, T, D]
      const { out, routing } = this.#layer.forward(u, training); // f32[B, T, D]
      return { out: vectors.residual(h, out, gateMlp), routing };
    });
  }
}
