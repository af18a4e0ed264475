import type { ParamScope } from "../../engine/params/param_store.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { silu } from "../../kernels/elementwise/mod.ts";
import type { Probe } from "../model.ts";
import { MiddleBlock, UpBlock } from "./blocks.ts";
import type { AutoencoderConfig } from "./config.ts";
import { Conv2d, GroupNorm } from "./layers.ts";

/** Latents to images (reference behaviour 52). */
export class Decoder {
  readonly #convIn: Conv2d;
  readonly #levels: readonly UpBlock[];
  readonly #middle: MiddleBlock;
  readonly #normOut: GroupNorm;
  readonly #convOut: Conv2d;

  /** Declares the parameters. */
  constructor(private readonly scope: ParamScope, config: AutoencoderConfig) {
    const { layers_per_block: layers, norm_num_groups: groups } = config;
    const widths = config.block_out_channels.toReversed();
    const last = widths.length - 1;
    this.#convIn = new Conv2d(scope.sub("conv_in"), config.latent_channels, widths[0], 3);
    this.#levels = widths.map((width, i) => {
      const inputs = widths[Math.max(0, i - 1)];
      return new UpBlock(scope.sub(`up_blocks.${i}`), inputs, width, layers + 1, groups, i === last);
    });
    this.#middle = new MiddleBlock(scope.sub("mid_block"), widths[0], groups);
    this.#normOut = new GroupNorm(scope.sub("conv_norm_out"), groups, widths[last]);
    this.#convOut = new Conv2d(scope.sub("conv_out"), widths[last], config.out_channels, 3);
  }

  /**
   * Decodes latents.
   *
   * @param z `f32[B, L, h, w]`
   * @returns `f32[B, 3, H, W]`, about [-1, 1], not clamped
   */
  forward(z: Tensor, probe: Probe): Tensor {
    const { path } = this.scope;
    let h = this.#convIn.forward(z); // f32[B, C, h, w]
    probe(`${path}.conv_in`, h);
    h = this.#middle.forward(h, probe); // f32[B, C, h, w]
    for (const level of this.#levels) h = level.forward(h, probe); // f32[B, Ci, h*2^(i+1), w*2^(i+1)]
    const normed = this.#normOut.forward(h); // f32[B, C0, H, W]
    probe(`${path}.conv_norm_out`, normed);
    return this.#convOut.forward(silu(normed));
  }
}
