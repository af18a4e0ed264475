import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConfigError } from "../../engine/core/errors.ts";
import { f32 } from "../../engine/core/spec.ts";
import type { Device } from "../../engine/device/device.ts";
import { openDevice } from "../../engine/device/open.ts";
import { type CaseReport, runParity } from "../../eval/parity/mod.ts";
import { alter, type Alteration, goldenPath, GOLDENS } from "./altered.ts";

async function withDevice(body: (device: Device) => Promise<void>): Promise<void> {
  using device = await openDevice("reference");
  await body(device);
}

/** Runs a copy of a golden file that something was done to. */
async function runAltered(name: string, alteration: Alteration): Promise<CaseReport> {
  using device = await openDevice("reference");
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

Deno.test("`runParity()` leaves nothing on the device when a case is done", () =>
  withDevice(async (device) => {
    await runParity(device, [goldenPath("traj_dsmoe_resume")]);
    // Rotary tables and other constants stay; they are made once.
    const { live } = device.memory();
    await runParity(device, [goldenPath("traj_dsmoe_resume")]);
    assertEquals(device.memory().live, live);
  }));

Deno.test("`runParity()` fails a case when one expected value is off by a thousandth", async () => {
  const shifted = (entry: string): Alteration => ({
    values: (name, data) => {
      if (name === entry) data.forEach((value, i) => data[i] = value * 1.001);
    },
  });
  assertEquals(failures(await runAltered("mlp_dense_silu", shifted("out"))), ["out"]);
  const gradient = await runAltered("mlp_dense_silu", shifted("grad.fc2.weight"));
  assert(failures(gradient).includes("grad.fc2.weight"));
  assertEquals(failures(await runAltered("optim_adamw", shifted("out.exp_avg_sq.a"))), ["out.exp_avg_sq.a"]);
  assertEquals(failures(await runAltered("traj_dsmoe_resume", shifted("losses"))), ["losses"]);
});

Deno.test("`runParity()` fails a case when one index differs", async () => {
  const report = await runAltered("router_e8_g2t1_k2_bias", {
    values: (name, data) => {
      if (name === "out.topk_indices") data[3] = (data[3] + 1) % 8;
    },
  });
  assertEquals(failures(report), ["out.topk_indices"]);
});

Deno.test("`runParity()` fails a case when a value is not a number", async () => {
  const report = await runAltered("final_layer", {
    values: (name, data) => {
      if (name === "in.x") data[0] = NaN;
    },
  });
  assert(failures(report).includes("out"));
});

Deno.test("`runParity()` fails a case when nothing computes an expected tensor", async () => {
  const entry = { name: "out.hidden.7", spec: f32(2), data: new Float32Array(2) };
  assertEquals(failures(await runAltered("mlp_dense_silu", { added: [entry] })), ["out.hidden.7"]);
  const gradient = { name: "grad.fc3.weight", spec: f32(2), data: new Float32Array(2) };
  assertEquals(failures(await runAltered("mlp_dense_silu", { added: [gradient] })), ["grad.fc3.weight"]);
});

Deno.test("`runParity()` fails a case when a computed gradient is not in the file", async () => {
  assertEquals(failures(await runAltered("mlp_dense_silu", { without: "grad.fc1.bias" })), ["grad.fc1.bias"]);
});

Deno.test("`runParity()` refuses a switch that it does not know", async () => {
  const unknown = await runAltered("attn_sinks", { config: ({ args }) => args.alibi = true });
  assertStringIncludes(unknown.error!, "config.args.alibi is not supported");
  const gated = await runAltered("traj_dsmoe_resume", { config: ({ model }) => model.use_swiglu = true });
  assertStringIncludes(gated.error!, "Cannot use config.model.use_swiglu true");
  const last = await runAltered("traj_dsmoe_resume", { config: (c) => c.MoE_config.skip_last2 = true });
  assertStringIncludes(last.error!, "Cannot use config.MoE_config.skip_last2 true");
  assertEquals([unknown.status, gated.status, last.status], ["failed", "failed", "failed"]);
});

Deno.test("`runParity()` notices every switch of a model that changes the numbers", async () => {
  const outcome = async (config: Alteration["config"]) =>
    (await runAltered("traj_dsmoe_resume", { config })).status;
  assertEquals(await outcome((c) => c.optim.weight_decay = 0), "failed");
  assertEquals(await outcome((c) => c.optim.clip_grad_norm = 0.5), "failed");
  assertEquals(await outcome((c) => c.MoE_config.routed_scaling_factor = 2.5), "failed");
  assertEquals(await outcome((c) => c.constants.norm_topk_prob = false), "failed");
  assertEquals(await outcome((c) => c.model.rope_type = "1d"), "failed");
  assertEquals(await outcome(() => {}), "passed");
});

Deno.test("`runParity()` leaves out ill-conditioned entries when training is compared", async () => {
  const spoiled = (name: string, data: { [i: number]: number }) => {
    if (name === "final.param.blocks.0.attn.qkv.bias") data[9] += 1;
    if (name === "final.ema.blocks.0.attn.qkv.bias") data[9] += 1;
  };
  const range = { key: "blocks.0.attn.qkv.bias", start: 8, end: 16 };
  assertEquals((await runAltered("traj_dsmoe_resume", { values: spoiled })).status, "failed");
  const report = await runAltered("traj_dsmoe_resume", {
    values: spoiled,
    config: (config) => config.ill_conditioned = [range],
  });
  assertEquals(report.status, "passed");
});

Deno.test("`runParity()` lists a kind that is not implemented, and counts it as a failure", async () => {
  using device = await openDevice("reference");
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/novel.safetensors`;
    await alter("mlp_dense_silu", path, {
      metadata: { family: "novel" },
      config: (config) => config.component = "mlp_novel",
    });
    const report = await runParity(device, [path, goldenPath("mlp_dense_silu")]);
    assertEquals(report.cases.map(({ status }) => status), ["not implemented", "passed"]);
    assertEquals(report.families.find(({ family }) => family === "novel")?.notImplemented, 1);
    assertEquals(report.passed, false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("`runParity()` runs the other files when one is broken", () =>
  withDevice(async (device) => {
    const readme = `${GOLDENS}README.md`;
    const report = await runParity(device, [readme, goldenPath("mlp_dense_silu")]);
    assertEquals(report.cases.map(({ status }) => status), ["failed", "passed"]);
    assertStringIncludes(report.cases[0].error!, "README.md");
  }));

Deno.test("`runParity()` throws when no file is of the given families", () =>
  withDevice(async (device) => {
    const files = [goldenPath("mlp_dense_silu")];
    const run = () => runParity(device, files, { families: ["rope", "moe"] });
    await assertRejects(run, ConfigError, "Cannot find a case of family rope, moe among 1 golden files");
  }));
