import { join } from "@std/path";
import { writeSafetensors } from "../../../engine/checkpoint/safetensors.ts";
import type { Device } from "../../../engine/device/device.ts";
import { type AutoencoderConfig, AutoencoderKL } from "../../../models/autoencoder_kl/mod.ts";

/** An autoencoder of two levels: 8 x 8 pixels become 2 x 4 x 4 numbers. */
export const TINY_VAE: AutoencoderConfig = {
  in_channels: 3,
  out_channels: 3,
  block_out_channels: [4, 8],
  layers_per_block: 1,
  latent_channels: 2,
  norm_num_groups: 2,
  scaling_factor: 0.5,
};

/** Writes random weights of it to a file, and gives its path. */
export async function writeTinyVae(device: Device, folder: string, seed = 1): Promise<string> {
  const { params } = new AutoencoderKL(TINY_VAE);
  using owned = params;
  owned.allocate(device);
  owned.initialize(seed);
  const path = join(folder, `vae${seed}.safetensors`);
  const entries = params.all.map(({ name, spec, tensor }) => ({ name, spec, data: () => tensor.read() }));
  await writeSafetensors(path, entries, { config: JSON.stringify(TINY_VAE) });
  return path;
}
