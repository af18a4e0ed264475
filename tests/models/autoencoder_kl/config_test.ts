import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../engine/core/errors.ts";
import {
  AutoencoderKL,
  downsamplingOf,
  SD_VAE_FT,
  validateAutoencoder,
} from "../../../models/autoencoder_kl/mod.ts";

Deno.test("`validateAutoencoder()` names the field, its value and what is wanted", () => {
  const refused = (changes: Partial<typeof SD_VAE_FT>, message: string) =>
    assertThrows(() => validateAutoencoder({ ...SD_VAE_FT, ...changes }), ConfigError, message);
  refused({ layers_per_block: 0 }, "Cannot use vae.layers_per_block 0: wanted a whole number of at least 1");
  refused({ latent_channels: 1.5 }, "Cannot use vae.latent_channels 1.5");
  refused({ block_out_channels: [] }, "Cannot use vae.block_out_channels []: wanted at least one level");
  refused({ block_out_channels: [128, 0] }, "Cannot use vae.block_out_channels 0");
  refused(
    { norm_num_groups: 48 },
    "Cannot use vae.norm_num_groups 48: wanted a divisor of block_out_channels 128, 256, 512, 512",
  );
  refused({ scaling_factor: 0 }, "Cannot use vae.scaling_factor 0: wanted more than 0");
  validateAutoencoder(SD_VAE_FT);
});

Deno.test("`AutoencoderKL` refuses a configuration before it declares anything", () => {
  assertThrows(
    () => new AutoencoderKL({ ...SD_VAE_FT, norm_num_groups: 0 }),
    ConfigError,
    "norm_num_groups 0",
  );
});

Deno.test("`downsamplingOf()` halves once for each level but the last", () => {
  assertEquals(downsamplingOf(SD_VAE_FT), 8);
  assertEquals(downsamplingOf({ ...SD_VAE_FT, block_out_channels: [32] }), 1);
});
