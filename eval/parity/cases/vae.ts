import type { Shape } from "../../../engine/core/shape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { exp, scale } from "../../../kernels/elementwise/mod.ts";
import {
  type AutoencoderConfig,
  AutoencoderKL,
  deviationOf,
  distributionOf,
  type LatentDistribution,
  latentDivergence,
  latentNll,
  sampleLatent,
  SD_VAE_FT,
} from "../../../models/autoencoder_kl/mod.ts";
import { autoencoderPlaces } from "../../../models/autoencoder_kl/names.ts";
import { type CaseContext, type CaseRunner, input } from "../case.ts";
import type { Numbers } from "../compare.ts";
import type { Fields } from "../fields.ts";

/** A whole autoencoder, with intermediate values of both directions (reference behaviours 47 to 54). */
export const runAutoencoder: CaseRunner = async (context) => {
  const { golden, checks } = context;
  const { config } = golden;
  config.ignore("family", "batch", "image", "latent", "attention_keys", "steps", "seed", "dtype");
  const model = new AutoencoderKL(configOf(config.section("model")));
  config.finish();
  using _params = await loadedParams(context, model);
  const expected: [string, Tensor][] = [];
  const probe = (name: string, tensor: Tensor) => {
    if (golden.has(`out.${name}`)) expected.push([name, tensor]);
  };
  const latents = model.encode(await input(context, "x"), probe);
  const sample = sampleLatent(latents, await input(context, "noise"));
  const { scaling_factor: scaling } = model.config;
  const latent = scale(sample, scaling);
  const reconstruction = model.decode(scale(latent, 1 / scaling));
  const decoded = model.decode(scale(await input(context, "z"), 1 / scaling), probe);
  expected.push(...Object.entries({ ...latents, std: deviationOf(latents), sample, latent }));
  expected.push(["reconstruction", reconstruction], ["decoded", decoded]);
  for (const [name, tensor] of expected) await checks.tensor(`out.${name}`, tensor, "autoencoder");
};

function configOf(fields: Fields): AutoencoderConfig {
  const widths = fields.numbers("block_out_channels");
  fields.ignore("sample_size");
  for (
    const [name, kind] of [["down_block_types", "DownEncoderBlock2D"], ["up_block_types", "UpDecoderBlock2D"]]
  ) {
    const other = fields.names(name).find((type) => type !== kind);
    if (other !== undefined) fields.choice(name, [kind]);
  }
  fields.choice("act_fn", ["silu"]);
  fields.requireOn("use_quant_conv", "use_post_quant_conv", "mid_block_add_attention");
  const config: AutoencoderConfig = {
    in_channels: fields.number("in_channels"),
    out_channels: fields.number("out_channels"),
    block_out_channels: widths,
    layers_per_block: fields.number("layers_per_block"),
    latent_channels: fields.number("latent_channels"),
    norm_num_groups: fields.number("norm_num_groups"),
    scaling_factor: fields.number("scaling_factor", SD_VAE_FT.scaling_factor),
  };
  fields.finish();
  return config;
}

/** Gives the model memory and the `param.` entries, under whatever names the file has them. */
async function loadedParams({ device, golden }: CaseContext, { params }: AutoencoderKL): Promise<Disposable> {
  const names = golden.names("param.");
  const shapes = new Map<string, Shape>(names.map((name) => [name, golden.shape(`param.${name}`)]));
  const places = autoencoderPlaces(shapes, "the golden file");
  params.allocate(device);
  const wanted = new Map([...places].map(([name, { shape }]) => [name, shape]));
  await params.load(wanted, (name) => golden.read(`param.${places.get(name)!.place}`));
  return params;
}

/** The latent distribution alone (reference behaviour 53), element by element. */
export const runLatentDistribution: CaseRunner = async (context) => {
  const { golden: { config }, checks } = context;
  config.ignore("family", "batch", "latent", "logvar_clamp", "steps", "seed", "dtype");
  config.finish();
  const own = distributionOf(await input(context, "moments"));
  const other = distributionOf(await input(context, "moments_other"));
  const noise = await input(context, "noise");
  const std = deviationOf(own);
  const elements = async (name: string, got: Tensor, scales?: Numbers) =>
    await checks.elements(`out.${name}`, got, "latentElement", scales);
  await elements("mean", own.mean);
  await elements("logvar", own.logvar);
  await elements("std", std);
  await elements("var", exp(own.logvar));
  await elements("sample", sampleLatent(own, noise), await sampleScales(own, std, noise));
  await elements("kl", latentDivergence(own));
  await elements("kl_other", latentDivergence(own, other));
  await elements("nll_other", latentNll(other, await input(context, "x")));
};

/** `|mean| + std |noise|`: a sample may be the small difference of both. */
async function sampleScales({ mean }: LatentDistribution, std: Tensor, noise: Tensor): Promise<Numbers> {
  const [means, stds, noises] = [await mean.read(), await std.read(), await noise.read()];
  return means.map((value, i) => Math.abs(value) + stds[i] * Math.abs(noises[i]));
}
