import {
  type RawSafetensorsEntry,
  type SafetensorsEntry,
  writeSafetensors,
} from "../../../engine/checkpoint/safetensors.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { type AutoencoderConfig, AutoencoderKL } from "../../../models/autoencoder_kl/mod.ts";

/** An autoencoder of some thousand parameters that halves images twice. */
export const TINY_VAE: AutoencoderConfig = {
  in_channels: 3,
  out_channels: 3,
  block_out_channels: [8, 8, 16],
  layers_per_block: 1,
  latent_channels: 4,
  norm_num_groups: 4,
  scaling_factor: 0.18215,
};

/** Metadata that tells what shapes don't. */
export const TINY_METADATA: Readonly<Record<string, string>> = {
  config: JSON.stringify({ norm_num_groups: 4, scaling_factor: 0.18215 }),
};

/** Weights of a tiny autoencoder under today's names: first values of a seed, biases too. */
export function tinyEntries(seed = 3): SafetensorsEntry[] {
  return new AutoencoderKL(TINY_VAE).params.all.map((parameter) => {
    const { name, spec: { shape } } = parameter;
    const own = parameter.initialValues(seed);
    const data = name.endsWith("bias") ? own.map((_, i) => Math.sin(i + name.length) / 10) : own;
    return { name, spec: f32(...shape), data };
  });
}

/** Runs `body` with the path of a file of these entries. */
export async function withFile(
  entries: readonly (SafetensorsEntry | RawSafetensorsEntry)[],
  body: (path: string) => Promise<void>,
  metadata: Readonly<Record<string, string>> = TINY_METADATA,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await writeSafetensors(path, entries, metadata);
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

const ATTENTION: readonly (readonly [string, string, string])[] = [
  ["to_q", "query", "q"],
  ["to_k", "key", "k"],
  ["to_v", "value", "v"],
  ["to_out.0", "proj_attn", "proj_out"],
  ["group_norm", "group_norm", "norm"],
];

/** The name that diffusers once gave a tensor. */
export function olderName(name: string): string {
  const found = ATTENTION.find(([current]) => name.includes(`attentions.0.${current}.`));
  return found ? name.replace(`.${found[0]}.`, `.${found[1]}.`) : name;
}

/** The name that the original code gives a tensor of the tiny autoencoder. */
export function originalName(name: string): string {
  const attention = ATTENTION.find(([current]) => name.includes(`attentions.0.${current}.`));
  const last = TINY_VAE.block_out_channels.length - 1;
  if (attention) return name.replace(/mid_block\.attentions\.0\..*\./, `mid.attn_1.${attention[2]}.`);
  return name
    .replace(/mid_block\.resnets\.(\d)/, (_, i) => `mid.block_${Number(i) + 1}`)
    .replace(/up_blocks\.(\d)/, (_, i) => `up.${last - Number(i)}`)
    .replace(/down_blocks\.(\d)/, "down.$1")
    .replace(/resnets\.(\d)/, "block.$1")
    .replace("downsamplers.0", "downsample")
    .replace("upsamplers.0", "upsample")
    .replace("conv_shortcut", "nin_shortcut")
    .replace("conv_norm_out", "norm_out");
}

/** The entry as the original code stores it: attention weights are 1x1 convolutions. */
export function originalEntry(entry: SafetensorsEntry): SafetensorsEntry {
  const { name, spec } = entry;
  const map = /attentions\.0\.to_.*weight$/.test(name);
  return { ...entry, name: originalName(name), spec: map ? f32(...spec.shape, 1, 1) : spec };
}
