import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Device } from "../../engine/device/device.ts";
import { type CaseReport, runParity } from "../../eval/parity/mod.ts";
import { deviceTest } from "../devices.ts";
import { alter, type Alteration } from "./altered.ts";

/** Runs a copy of a golden file that something was done to. */
async function runAltered(device: Device, name: string, alteration: Alteration): Promise<CaseReport> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/altered.safetensors`;
    await alter(name, path, alteration);
    return (await runParity(device, [path])).cases[0];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function failures({ checks }: CaseReport): string[] {
  return checks.filter(({ passed }) => !passed).map(({ quantity }) => quantity);
}

/** Multiplies the values of one tensor, all of them or the smallest alone. */
function times(entry: string, factor: number, which: "all" | "smallest"): Alteration {
  return {
    values: (name, data) => {
      if (name !== entry) return;
      const sizes = Array.from(data, Math.abs);
      const smallest = sizes.indexOf(Math.min(...sizes));
      data.forEach((value, i) => data[i] = which === "all" || i === smallest ? value * factor : value);
    },
  };
}

deviceTest(["reference"], "`runParity()` looks at every element of a latent distribution", async (device) => {
  for (const entry of ["out.std", "out.var", "out.kl", "out.nll_other"]) {
    const report = await runAltered(device, "vae_logvar_clamp", times(entry, 1.00001, "smallest"));
    assertEquals(failures(report), [entry]);
  }
});

deviceTest(["reference"], "`runParity()` notices one byte of an image that differs", async (device) => {
  const report = await runAltered(device, "image_output", {
    values: (name, data) => {
      if (name === "out.dit_u8") data[11] += 1;
    },
  });
  assertEquals(failures(report), ["out.dit_u8"]);
});

deviceTest(["reference"], "`runParity()` notices an autoencoder of another configuration", async (device) => {
  const altered = (config: Alteration["config"]) => runAltered(device, "vae_c8_16_odd_size", { config });
  const groups = await altered(({ model }) => model.norm_num_groups = 2);
  assert(failures(groups).includes("out.mean") && failures(groups).includes("out.decoded"));
  const scaling = await altered(({ model }) => model.scaling_factor = 0.2);
  assert(failures(scaling).includes("out.latent") && !failures(scaling).includes("out.sample"));
  const plain = await altered(({ model }) => model.use_quant_conv = false);
  assertStringIncludes(plain.error!, "Cannot use config.model.use_quant_conv false: wanted it to be on");
  const other = await altered(({ model }) => model.down_block_types[0] = "AttnDownEncoderBlock2D");
  assertStringIncludes(other.error!, "Cannot use config.model.down_block_types");
  const renamed = await altered(({ model }) => model.shift_factor = 0.1);
  assertStringIncludes(renamed.error!, "config.model.shift_factor is not supported");
});

deviceTest(
  ["cpu"],
  "`runParity()` notices the mildest known mistake in the pool features",
  async (device) => {
    const report = await runAltered(device, "inception_pytorch_fid_256", times("out.pool", 1.0002, "all"));
    assertEquals(failures(report), ["out.pool", "out.pool over the smallest mistake"]);
  },
);
