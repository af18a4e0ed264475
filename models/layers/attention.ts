import { ConfigError } from "../../engine/core/errors.ts";
import { zeros } from "../../engine/params/init.ts";
import type { Parameter, ParamScope } from "../../engine/params/param_store.ts";
import type { Device } from "../../engine/device/device.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { attention, type AttentionOptions } from "../../kernels/attention/mod.ts";
import { permute } from "../../kernels/permute/mod.ts";
import { reshape } from "../../kernels/reshape/mod.ts";
import { rope, ropeTable1d, ropeTable2d, type Rotation } from "../../kernels/rope/mod.ts";
import { split } from "../../kernels/split/mod.ts";
import { Linear } from "./linear.ts";
import { LayerNorm } from "./norm.ts";

/** Rotary position encoding of queries and keys. */
export type RopeType = "none" | "1d" | "2d";

/** Hyper-parameters of an attention layer, named as in the reference. */
export interface AttentionConfig {
  /** D, channels of a token. */
  readonly dim: number;
  /** Attention heads. */
  readonly num_heads: number;
  /** Channels of a head; `dim / num_heads` where null. */
  readonly head_dim: number | null;
  /** Whether the projections to q, k and v have a bias. */
  readonly qkv_bias: boolean;
  /** Affine LayerNorm over each head's q and k, eps 1e-5. */
  readonly qk_norm: boolean;
  /** Rotary encoding of q and k. */
  readonly rope_type: RopeType;
  /** Attention across the batch with sink logits, as the released code computes it (behaviour 15). */
  readonly use_sinks: boolean;
  /** Window of sink attention; 0 for none. */
  readonly sliding_window: number;
  /** Grouped queries: half as many key and value heads as query heads. */
  readonly enable_gqa: boolean;
}

interface Heads {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Multi-head self-attention with rotary positions fused into the read of q and k. */
export class Attention {
  /** Dotted path of the layer. */
  readonly path: string;
  readonly #headDim: number;
  readonly #kvHeads: number;
  readonly #qkv: readonly Linear[];
  readonly #norms: { readonly q: LayerNorm; readonly k: LayerNorm } | undefined;
  readonly #sinks: Parameter | undefined;
  readonly #proj: Linear;

  /**
   * Declares the layer's parameters.
   *
   * @throws {ConfigError} when heads and channels do not fit
   */
  constructor(scope: ParamScope, private readonly config: AttentionConfig) {
    const { dim, num_heads: heads, qkv_bias: bias } = config;
    this.path = scope.path;
    this.#headDim = headDimOf(config);
    this.#kvHeads = config.enable_gqa ? heads / 2 : heads;
    if (config.use_sinks) this.#sinks = scope.parameter("sinks", [heads], { init: zeros() });
    const width = heads * this.#headDim;
    const kvWidth = this.#kvHeads * this.#headDim;
    this.#qkv = config.enable_gqa
      ? [["q_proj", width], ["k_proj", kvWidth], ["v_proj", kvWidth]].map(([name, outputs]) =>
        new Linear(scope.sub(String(name)), dim, Number(outputs), { bias })
      )
      : [new Linear(scope.sub("qkv"), dim, 3 * width, { bias })];
    if (config.qk_norm) {
      this.#norms = {
        q: new LayerNorm(scope.sub("q_norm"), this.#headDim, 1e-5),
        k: new LayerNorm(scope.sub("k_norm"), this.#headDim, 1e-5),
      };
    }
    this.#proj = new Linear(scope.sub("proj"), width, dim);
  }

  /**
   * Lets every token look at every other.
   *
   * @param x `f32[B, T, D]`
   * @returns `f32[B, T, D]`
   */
  forward(x: Tensor): Tensor {
    return x.device.at(this.path, () => {
      const [batch, tokens] = x.shape;
      const mixed = this.#sinks
        ? this.#acrossBatch(this.#heads(x), this.#sinks.tensor)
        : this.#acrossTokens(x); // f32[B, T, H, d]
      return this.#proj.forward(reshape(mixed, [batch, tokens, this.config.num_heads * this.#headDim]));
    });
  }

  #acrossTokens(x: Tensor): Tensor {
    const rope = this.#rotary(x);
    if (this.#qkv.length === 1 && !this.#norms) {
      const [batch, tokens] = x.shape;
      const packed = this.#qkv[0].forward(x); // f32[B, T, 3*H*d]
      const qkv = reshape(packed, [batch, tokens, 3, this.config.num_heads, this.#headDim]);
      return attention({ qkv }, { rope });
    }
    return attention(this.#heads(x), { rope });
  }

  /** q `f32[B, T, H, d]` and k, v `f32[B, T, Hkv, d]`, normalised and not yet rotated. */
  #heads(x: Tensor): Heads {
    const [batch, tokens] = x.shape;
    // Attention across the batch rotates and permutes its operands, in kernels that know f32 alone.
    const dtype = this.#sinks ? "f32" : undefined;
    const [q, k, v] = this.#qkv.length === 1
      ? split(this.#qkv[0].forward(x, dtype), 2, 3)
      : this.#qkv.map((projection) => projection.forward(x, dtype));
    const heads = (t: Tensor, count: number) => reshape(t, [batch, tokens, count, this.#headDim]);
    const [qHeads, kHeads] = [heads(q, this.config.num_heads), heads(k, this.#kvHeads)];
    return {
      q: this.#norms ? this.#norms.q.forward(qHeads) : qHeads,
      k: this.#norms ? this.#norms.k.forward(kHeads) : kHeads,
      v: heads(v, this.#kvHeads),
    };
  }

  /** The released code's sink attention: every token position attends causally over the batch index. */
  #acrossBatch({ q, k, v }: Heads, sinks: Tensor): Tensor {
    const rotary = this.#rotary(q);
    const turned = (t: Tensor) => rotary ? rope(t, rotary.table, rotary.rotation) : t;
    const swap = (t: Tensor) => permute(t, [1, 0, 2, 3]); // f32[T, B, H, d]
    const mixed = attention(
      { q: swap(turned(q)), k: swap(turned(k)), v: swap(v) },
      { sinks, causal: true, window: this.config.sliding_window },
    );
    return swap(mixed); // f32[B, T, H, d]
  }

  #rotary(x: Tensor): AttentionOptions["rope"] {
    return rotaryOf(x.device, this.config.rope_type, x.shape[1], this.#headDim);
  }
}

function headDimOf({ dim, num_heads: heads, head_dim: headDim, enable_gqa: gqa }: AttentionConfig): number {
  if (headDim === null && dim % heads !== 0) {
    throw new ConfigError(
      `Cannot build attention: hidden_size ${dim} must be a multiple of num_heads ${heads}`,
    );
  }
  if (gqa && heads % 2 !== 0) {
    throw new ConfigError(`Cannot build attention: enable_gqa needs an even num_heads, got ${heads}`);
  }
  return headDim ?? dim / heads;
}

/** The rotary table of a square grid of tokens, and how it pairs channels; undefined without rotation. */
function rotaryOf(
  device: Device,
  type: RopeType,
  tokens: number,
  headDim: number,
): { table: Tensor; rotation: Rotation } | undefined {
  if (type === "none") return undefined;
  const side = Math.sqrt(tokens);
  if (type === "2d" && (!Number.isInteger(side) || headDim % 4 !== 0)) {
    throw new ConfigError(
      `Cannot use rope_type "2d" with ${tokens} tokens and head_dim ${headDim}: wanted a square grid and a multiple of 4`,
    );
  }
  const table = device.constant(
    `rope ${type} ${tokens} ${headDim}`,
    () => type === "1d" ? ropeTable1d(tokens, headDim) : ropeTable2d(side, side, headDim),
  );
  return { table, rotation: { pairing: "half", block: type === "1d" ? headDim : headDim / 2 } };
}
