import { CheckpointError } from "../../engine/core/errors.ts";
import type { Shape } from "../../engine/core/shape.ts";
import { type AutoencoderConfig, SD_VAE_FT } from "./config.ts";

/** Fields that shapes don't tell. */
const TOLD = ["norm_num_groups", "scaling_factor"] as const;

/**
 * Tells an autoencoder's configuration from the shapes of its weights. A field whose tensors are missing is that of
 * Stable Diffusion's, and so are groups and scaling, which no shape tells, unless `config` does.
 *
 * @param shapes shapes by today's names
 * @param config the `config` of a file's metadata: JSON with diffusers' fields
 * @param where names the file in errors
 * @throws {CheckpointError} when `config` is no JSON object, or its fields are not numbers
 */
export function autoencoderConfigOf(
  shapes: ReadonlyMap<string, Shape>,
  config: string | undefined,
  where: string,
): AutoencoderConfig {
  const dim = (name: string, axis: number) => shapes.get(name)?.[axis];
  const names = [...shapes.keys()];
  const most = (pattern: RegExp) =>
    Math.max(-1, ...names.map((name) => Number(pattern.exec(name)?.[1] ?? -1)));
  const levels = 1 + most(/^encoder\.down_blocks\.(\d)\./);
  const widths = Array.from(
    { length: levels },
    (_, i) =>
      dim(`encoder.down_blocks.${i}.resnets.0.norm2.weight`, 0) ?? SD_VAE_FT.block_out_channels[i] ?? 0,
  );
  const layers = 1 + most(/^encoder\.down_blocks\.\d\.resnets\.(\d)\./);
  return {
    in_channels: dim("encoder.conv_in.weight", 1) ?? SD_VAE_FT.in_channels,
    out_channels: dim("decoder.conv_out.weight", 0) ?? SD_VAE_FT.out_channels,
    block_out_channels: levels > 0 ? widths : SD_VAE_FT.block_out_channels,
    layers_per_block: layers > 0 ? layers : SD_VAE_FT.layers_per_block,
    latent_channels: dim("post_quant_conv.weight", 0) ?? SD_VAE_FT.latent_channels,
    ...toldBy(config, where),
  };
}

function toldBy(
  config: string | undefined,
  where: string,
): Pick<AutoencoderConfig, (typeof TOLD)[number]> {
  const fields = config === undefined ? {} : parse(config, where);
  const [groups, scaling] = TOLD.map((name) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : SD_VAE_FT[name];
    if (typeof value === "number") return value;
    throw new CheckpointError(
      `Cannot use ${where} as an autoencoder: its config has ${name} ${
        JSON.stringify(value)
      }, wanted a number`,
    );
  });
  return { norm_num_groups: groups, scaling_factor: scaling };
}

function parse(config: string, where: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(config);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Broken JSON and JSON of another kind are one defect.
  }
  throw new CheckpointError(`Cannot use ${where} as an autoencoder: its config is not a JSON object`);
}
