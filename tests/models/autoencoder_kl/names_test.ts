import { assertEquals, assertThrows } from "@std/assert";
import { CheckpointError } from "../../../engine/core/errors.ts";
import type { Shape } from "../../../engine/core/shape.ts";
import { AutoencoderKL, SD_VAE_FT } from "../../../models/autoencoder_kl/mod.ts";
import { autoencoderPlaces, currentName } from "../../../models/autoencoder_kl/names.ts";
import { PARITY_FOLDER, parityAvailable } from "../../devices.ts";

interface Published {
  readonly config: Readonly<Record<string, unknown>>;
  readonly state_dict: Readonly<Record<string, Shape>>;
  readonly total_params: number;
  readonly encoder_params: number;
  readonly old_names: Readonly<Record<string, string>>;
  readonly ldm_names: Readonly<Record<string, string>>;
}

async function published(): Promise<Published> {
  return JSON.parse(await Deno.readTextFile(new URL("shapes/sd_vae_ft.json", PARITY_FOLDER)));
}

function places(...names: string[]): Map<string, { readonly place: string; readonly shape: Shape }> {
  return autoencoderPlaces(new Map(names.map((name) => [name, [2]])), "vae.safetensors");
}

Deno.test("`AutoencoderKL` declares 248 tensors and 83,653,863 parameters of sd-vae-ft", () => {
  const { params } = new AutoencoderKL(SD_VAE_FT);
  assertEquals([params.all.length, params.count], [248, 83_653_863]);
});

Deno.test({
  name: "`AutoencoderKL` declares the published state_dict of sd-vae-ft, in its order",
  ignore: !parityAvailable,
  fn: async () => {
    const { config, state_dict, total_params, encoder_params } = await published();
    for (const [name, value] of Object.entries(SD_VAE_FT)) assertEquals(config[name], value, name);
    const { params } = new AutoencoderKL(SD_VAE_FT);
    assertEquals([...params.stateShapes()], Object.entries(state_dict));
    assertEquals(params.count, total_params);
    const encoder = params.all.filter(({ name }) => /^(?:encoder|quant_conv)\./.test(name));
    assertEquals(encoder.reduce((sum, { size }) => sum + size, 0), encoder_params);
  },
});

Deno.test({
  name: "`currentName()` turns every published name of both older generations into today's",
  ignore: !parityAvailable,
  fn: async () => {
    const { old_names, ldm_names, state_dict } = await published();
    const levels = SD_VAE_FT.block_out_channels.length;
    for (const [name, current] of Object.entries({ ...old_names, ...ldm_names })) {
      assertEquals(currentName(name, levels), current);
    }
    for (const name of Object.keys(state_dict)) assertEquals(currentName(name, levels), name);
  },
});

Deno.test("`autoencoderPlaces()` numbers the original decoder's levels from the other end", () => {
  const found = places("decoder.up.3.block.0.conv1.weight", "decoder.up.0.block.2.nin_shortcut.bias");
  assertEquals([...found.keys()], [
    "decoder.up_blocks.0.resnets.0.conv1.weight",
    "decoder.up_blocks.3.resnets.2.conv_shortcut.bias",
  ]);
});

Deno.test("`autoencoderPlaces()` takes what is behind the prefix of a whole model, and nothing else", () => {
  for (const prefix of ["first_stage_model.", "state_dict.first_stage_model."]) {
    const found = places(
      `${prefix}quant_conv.weight`,
      "model.diffusion_model.out.0.weight",
      `${prefix}loss.logvar`,
    );
    assertEquals([...found].map(([name, { place }]) => [name, place]), [
      ["quant_conv.weight", `${prefix}quant_conv.weight`],
    ]);
  }
});

Deno.test("`autoencoderPlaces()` ignores losses and averages of training", () => {
  assertEquals([...places("loss.discriminator.main.0.weight", "model_ema.decay", "quant_conv.bias").keys()], [
    "quant_conv.bias",
  ]);
});

Deno.test("`autoencoderPlaces()` drops the two trailing ones of attention weights alone", () => {
  const shapes = new Map<string, Shape>([
    ["encoder.mid.attn_1.q.weight", [16, 16, 1, 1]],
    ["encoder.mid.attn_1.proj_out.weight", [16, 16, 1, 1]],
    ["decoder.mid_block.attentions.0.to_v.weight", [16, 16]],
    ["quant_conv.weight", [8, 8, 1, 1]],
  ]);
  const found = [...autoencoderPlaces(shapes, "vae.safetensors").values()];
  assertEquals(found.map(({ shape }) => shape.length), [2, 2, 2, 4]);
});

Deno.test("`autoencoderPlaces()` refuses two tensors that stand for one weight", () => {
  const [q, query] = ["to_q", "query"].map((name) => `encoder.mid_block.attentions.0.${name}.weight`);
  const error = assertThrows(() => places(q, query), CheckpointError);
  assertEquals(
    error.message,
    `Cannot use vae.safetensors as an autoencoder: ${q} and ${query} are both ${q}`,
  );
});
