import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { TorchData, writeTorch } from "../../../engine/checkpoint/torch_writer.ts";
import { PickleDict } from "../../../engine/checkpoint/pickle_values.ts";
import type { SafetensorsEntry } from "../../../engine/checkpoint/safetensors.ts";
import { CheckpointError } from "../../../engine/core/errors.ts";
import { f32, makeSpec } from "../../../engine/core/spec.ts";
import type { Device } from "../../../engine/device/device.ts";
import { openDevice } from "../../../engine/device/open.ts";
import { AutoencoderKL, openAutoencoder, SD_VAE_FT } from "../../../models/autoencoder_kl/mod.ts";
import { olderName, originalEntry, TINY_VAE, tinyEntries, withFile } from "./tiny_vae.ts";

const LATENT = Float32Array.from({ length: 4 * 3 * 3 }, (_, i) => Math.sin(i));

/** Opens a file of weights, and decodes and encodes one image. */
async function outputsOf(device: Device, path: string): Promise<number[]> {
  using opened = await openAutoencoder(device, path);
  assertEquals(opened.model.config, TINY_VAE);
  using _scope = device.scope();
  const image = opened.model.decode(device.tensor([1, 4, 3, 3], LATENT));
  assertEquals(image.shape, [1, 3, 12, 12]);
  const { mean, logvar } = opened.model.encode(image);
  assertEquals(mean.shape, [1, 4, 3, 3]);
  return [...await image.read(), ...await mean.read(), ...await logvar.read()];
}

Deno.test("`openAutoencoder()` reads all three generations of names alike, with and without prefix", async () => {
  using device = await openDevice("reference");
  const entries = tinyEntries();
  const original = entries.map(originalEntry);
  const prefixed = original.map((entry) => ({ ...entry, name: `first_stage_model.${entry.name}` }));
  const extra = (name: string): SafetensorsEntry => ({ name, spec: f32(1), data: new Float32Array(1) });
  const files = [
    entries,
    entries.map((entry) => ({ ...entry, name: olderName(entry.name) })),
    [...original, extra("loss.logvar"), extra("model_ema.decay")],
    [...prefixed, extra("model.diffusion_model.out.2.bias"), extra("cond_stage_model.transformer.weight")],
  ];
  const outputs: number[][] = [];
  for (const file of files) {
    await withFile(file, async (path) => void outputs.push(await outputsOf(device, path)));
  }
  assert(outputs[0].every(Number.isFinite));
  for (const other of outputs.slice(1)) assertEquals(other, outputs[0]);
});

Deno.test("`openAutoencoder()` reads PyTorch's format, with Stable Diffusion's groups and scaling", async () => {
  using device = await openDevice("reference");
  const config = { ...SD_VAE_FT, block_out_channels: [32], layers_per_block: 1 };
  const own = new AutoencoderKL(config);
  own.params.allocate(device);
  own.params.initialize(4);
  const path = await Deno.makeTempFile({ suffix: ".pt" });
  try {
    const tree = new PickleDict();
    for (const { name, spec, tensor } of own.params.all) {
      const { buffer } = await tensor.read();
      tree.set(name, new TorchData("F32", spec.shape, () => Promise.resolve(new Uint8Array(buffer))));
    }
    await writeTorch(path, tree);
    using opened = await openAutoencoder(device, path);
    assertEquals(opened.model.config, config);
    const z = device.tensor([1, 4, 3, 3], LATENT);
    assertEquals(await opened.model.decode(z).read(), await own.decode(z).read());
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("`openAutoencoder()` gives the file's digest, and releases every byte", async () => {
  using device = await openDevice("reference");
  const before = device.memory().live;
  await withFile(tinyEntries(), async (path) => {
    const bytes = await Deno.readFile(path);
    const wanted = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    {
      using opened = await openAutoencoder(device, path);
      assertEquals([opened.sha256, opened.path], [wanted, path]);
      assert(device.memory().live > before);
    }
    assertEquals(device.memory().live, before);
  });
});

/** The message of the refusal of a file of these entries, without its path; nothing may stay in memory. */
async function refusal(
  entries: readonly SafetensorsEntry[],
  metadata?: Readonly<Record<string, string>>,
): Promise<string> {
  using device = await openDevice("reference");
  const before = device.memory().live;
  let message = "";
  await withFile(entries, async (path) => {
    const error = await assertRejects(() => openAutoencoder(device, path), CheckpointError);
    assertEquals(error.message.split("\n").length, 1);
    assertStringIncludes(error.message, path);
    message = error.message.replace(path, "FILE");
  }, metadata);
  assertEquals(device.memory().live, before);
  return message;
}

Deno.test("`openAutoencoder()` lists missing, unexpected and misshapen tensors", async () => {
  const entries = tinyEntries();
  const without = entries.filter(({ name }) => name !== "decoder.mid_block.attentions.0.to_k.bias");
  assertEquals(
    await refusal(without),
    "Cannot use FILE as an autoencoder: 1 missing (decoder.mid_block.attentions.0.to_k.bias)",
  );
  const extra = { name: "encoder.conv_in.scale", spec: f32(2), data: new Float32Array(2) };
  assertEquals(
    await refusal([...entries, extra]),
    "Cannot use FILE as an autoencoder: 1 unexpected (encoder.conv_in.scale)",
  );
  const wide = entries.map((entry) =>
    entry.name === "quant_conv.bias" ? { ...entry, spec: f32(9), data: new Float32Array(9) } : entry
  );
  assertEquals(
    await refusal(wide),
    "Cannot use FILE as an autoencoder: 1 of another shape (quant_conv.bias [9] for [8])",
  );
});

Deno.test("`openAutoencoder()` refuses a file of another kind as one of Stable Diffusion with tensors missing", async () => {
  const other = { name: "blocks.0.attn.qkv.weight", spec: f32(2, 2), data: new Float32Array(4) };
  assertEquals(
    await refusal([other]),
    "Cannot use FILE as an autoencoder: 248 missing (encoder.conv_in.weight, encoder.conv_in.bias, " +
      "encoder.down_blocks.0.resnets.0.norm1.weight, encoder.down_blocks.0.resnets.0.norm1.bias, " +
      "encoder.down_blocks.0.resnets.0.conv1.weight and 243 more); 1 unexpected (blocks.0.attn.qkv.weight)",
  );
});

Deno.test("`openAutoencoder()` refuses weights that are no floats", async () => {
  const entries = tinyEntries().map((entry): SafetensorsEntry =>
    entry.name === "quant_conv.bias"
      ? { ...entry, spec: makeSpec("i32", [8]), data: new Int32Array(8) }
      : entry
  );
  assertEquals(await refusal(entries), "Cannot load quant_conv.bias of FILE: wanted a float dtype, got I32");
});

Deno.test("`openAutoencoder()` refuses a configuration that the shapes contradict or that is broken", async () => {
  const entries = tinyEntries();
  const what = "Cannot use FILE as an autoencoder: ";
  assertStringIncludes(
    await refusal(entries, {}),
    `${what}Cannot use vae.norm_num_groups 32: wanted a divisor`,
  );
  assertEquals(await refusal(entries, { config: "{" }), `${what}its config is not a JSON object`);
  assertEquals(await refusal(entries, { config: "[]" }), `${what}its config is not a JSON object`);
  const text = { config: '{"norm_num_groups": "four"}' };
  assertEquals(await refusal(entries, text), `${what}its config has norm_num_groups "four", wanted a number`);
});

Deno.test("`openAutoencoder()` refuses missing files, and files that hold no tensors, in one line", async () => {
  using device = await openDevice("reference");
  const folder = await Deno.makeTempDir();
  try {
    const missing = `${folder}/vae.safetensors`;
    await assertRejects(() => openAutoencoder(device, missing), CheckpointError, `Cannot open ${missing}`);
    for (const name of ["vae.pt", "vae.safetensors", "vae.png"]) {
      const path = `${folder}/${name}`;
      await Deno.writeTextFile(path, "\x89PNG\r\n\x1a\n and so on");
      const error = await assertRejects(() => openAutoencoder(device, path), CheckpointError);
      assertStringIncludes(error.message, path);
      assertEquals(error.message.split("\n").length, 1);
    }
    const hub = () => openAutoencoder(device, "hub:nothing");
    await assertRejects(hub, CheckpointError, "Cannot fetch hub:nothing: wanted hub:OWNER/REPO/FILE");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
