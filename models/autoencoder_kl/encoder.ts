import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { silu } from "../../kernels/elementwise/mod.ts";
import type { Probe } from "../model.ts";
import { DownBlock, MiddleBlock } from "./blocks.ts";
import type { AutoencoderConfig } from "./config.ts";
import { Conv2d, GroupNorm } from "./layers.ts";

/** Images to the moments of their latents (reference behaviour 47). */
export class Encoder {
  readonly #convIn: Conv2d;
  readonly #levels: readonly DownBlock[];
  readonly #middle: MiddleBlock;
  readonly #normOut: GroupNorm;
  readonly #convOut: Conv2d;

  /** Declares the parameters. */
  constructor(private readonly scope: ParamScope, config: AutoencoderConfig) {
    const { block_out_channels: widths, layers_per_block: layers, norm_num_groups: groups } = config;
    const last = widths.length - 1;
    this.#convIn = new Conv2d(scope.sub("conv_in"), config.in_channels, widths[0], 3);
    this.#levels = widths.map((width, i) => {
      const inputs = widths[Math.max(0, i - 1)];
      return new DownBlock(scope.sub(`down_blocks.${i}`), inputs, width, layers, groups, i === last);
    });
    this.#middle = new MiddleBlock(scope.sub("mid_block"), widths[last], groups);
    this.#normOut = new GroupNorm(scope.sub("conv_norm_out"), groups, widths[last]);
    this.#convOut = new Conv2d(scope.sub("conv_out"), widths[last], 2 * config.latent_channels, 3);
  }

  /**
   * Encodes images.
   *
   * @param x `f32[B, 3, H, W]` in [-1, 1]
   * @returns `f32[B, 2*L, h, w]`
   */
  forward(x: Tensor, probe: Probe): Tensor {
    const { path } = this.scope;
    let h = this.#convIn.forward(x); // f32[B, C0, H, W]
    probe(`${path}.conv_in`, h);
    for (const level of this.#levels) h = level.forward(h, probe); // f32[B, Ci, H/2^(i+1), W/2^(i+1)]
    h = this.#middle.forward(h, probe); // f32[B, C, h, w]
    const normed = this.#normOut.forward(h); // f32[B, C, h, w]
    probe(`${path}.conv_norm_out`, normed);
    const moments = this.#convOut.forward(silu(normed)); // f32[B, 2*L, h, w]
    probe(`${path}.conv_out`, moments);
    return moments;
  }
}
