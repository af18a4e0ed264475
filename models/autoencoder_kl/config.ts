import { ConfigError } from "../../engine/core/errors.ts";
import { positive, wants } from "../fields.ts";

/** Hyper-parameters of an autoencoder, named as in diffusers' `AutoencoderKL`. */
export interface AutoencoderConfig {
  /** Channels of an image that is encoded. */
  readonly in_channels: number;
  /** Channels of an image that is decoded. */
  readonly out_channels: number;
  /** Channels of each level, the highest resolution first; every level but the last halves the resolution. */
  readonly block_out_channels: readonly number[];
  /** Residual blocks of a level of the encoder; the decoder has one more. */
  readonly layers_per_block: number;
  /** L, channels of a latent. */
  readonly latent_channels: number;
  /** Groups of every group normalisation. */
  readonly norm_num_groups: number;
  /** What a latent is multiplied by before a diffusion model sees it. */
  readonly scaling_factor: number;
}

/** The autoencoder of Stable Diffusion, as in sd-vae-ft-mse and sd-vae-ft-ema: 83,653,863 parameters. */
export const SD_VAE_FT: AutoencoderConfig = {
  in_channels: 3,
  out_channels: 3,
  block_out_channels: [128, 256, 512, 512],
  layers_per_block: 2,
  latent_channels: 4,
  norm_num_groups: 32,
  scaling_factor: 0.18215,
};

/** Pixels along one side of an image for each of its latent. */
export function downsamplingOf({ block_out_channels: levels }: AutoencoderConfig): number {
  return 2 ** (levels.length - 1);
}

/**
 * Checks ranges and relations of the fields.
 *
 * @throws {ConfigError} naming field, value and what is wanted
 */
export function validateAutoencoder(config: AutoencoderConfig): void {
  const { in_channels, out_channels, block_out_channels, layers_per_block, latent_channels } = config;
  const { norm_num_groups, scaling_factor } = config;
  positive("vae", { in_channels, out_channels, layers_per_block, latent_channels, norm_num_groups });
  if (block_out_channels.length === 0) {
    throw new ConfigError("Cannot use vae.block_out_channels []: wanted at least one level");
  }
  for (const channels of block_out_channels) {
    positive("vae", { block_out_channels: channels });
    wants(
      channels % norm_num_groups === 0,
      "vae.norm_num_groups",
      norm_num_groups,
      `a divisor of block_out_channels ${block_out_channels.join(", ")}`,
    );
  }
  wants(scaling_factor > 0, "vae.scaling_factor", scaling_factor, "more than 0");
}
