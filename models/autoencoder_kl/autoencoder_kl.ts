import { ParamStore } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import type { Probe } from "../model.ts";
import { type AutoencoderConfig, validateAutoencoder } from "./config.ts";
import { Decoder } from "./decoder.ts";
import { distributionOf, type LatentDistribution } from "./distribution.ts";
import { Encoder } from "./encoder.ts";
import { Conv2d } from "./layers.ts";

/** The autoencoder of latent diffusion (Rombach et al., arXiv 2112.10752), as diffusers' `AutoencoderKL` computes it. */
export class AutoencoderKL {
  /** All parameters, under diffusers' names. */
  readonly params: ParamStore = new ParamStore();
  readonly #encoder: Encoder;
  readonly #decoder: Decoder;
  readonly #quantConv: Conv2d;
  readonly #postQuantConv: Conv2d;

  /**
   * Declares the parameters; gives them no memory.
   *
   * @throws {ConfigError} when a field is out of range
   */
  constructor(readonly config: AutoencoderConfig) {
    validateAutoencoder(config);
    const scope = this.params.root;
    const latents = config.latent_channels;
    this.#encoder = new Encoder(scope.sub("encoder"), config);
    this.#decoder = new Decoder(scope.sub("decoder"), config);
    this.#quantConv = new Conv2d(scope.sub("quant_conv"), 2 * latents, 2 * latents, 1);
    this.#postQuantConv = new Conv2d(scope.sub("post_quant_conv"), latents, latents, 1);
  }

  /**
   * Encodes images.
   *
   * @param x `f32[B, 3, H, W]` in [-1, 1]
   * @param probe sees intermediate values, under the reference's module names
   * @returns mean and log-variance, `f32[B, L, h, w]` each; each level but the last halves H and W, rounded down
   */
  encode(x: Tensor, probe: Probe = () => {}): LatentDistribution {
    const h = this.#encoder.forward(x, probe); // f32[B, 2*L, h, w]
    const moments = this.#quantConv.forward(h); // f32[B, 2*L, h, w]
    probe("moments", moments);
    return distributionOf(moments);
  }

  /**
   * Decodes latents.
   *
   * @param z `f32[B, L, h, w]`, not scaled
   * @param probe sees intermediate values, under the reference's module names
   * @returns `f32[B, 3, H, W]`, about [-1, 1], not clamped
   */
  decode(z: Tensor, probe: Probe = () => {}): Tensor {
    const h = this.#postQuantConv.forward(z); // f32[B, L, h, w]
    probe("post_quant_conv", h);
    return this.#decoder.forward(h, probe); // f32[B, 3, H, W]
  }
}
