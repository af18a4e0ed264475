import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../engine/core/errors.ts";
import { f32, i32, u32 } from "../../../engine/core/spec.ts";
import { Device } from "../../../engine/device/device.ts";
import { NullBackend } from "../../../engine/device/null_backend.ts";
import type { Program } from "../../../engine/program/program.ts";
import { ECDIT_NANO, TCDIT_NANO } from "../../../models/choice/presets.ts";
import { countParameters } from "../../../models/counts.ts";
import { createModel, forwardFlops, type ModelConfig } from "../../../models/create.ts";
import { DIFFMOE_NANO } from "../../../models/diffmoe/presets.ts";
import { DIT_NANO } from "../../../models/dit/presets.ts";
import { presetNamed } from "../../../models/presets.ts";
import { productFlops } from "../product_flops.ts";

const BATCH = 3;
const gated = { use_swiglu: true, learn_sigma: false, mlp_ratio: 2.5, depth: 3 };
const CONFIGS: Readonly<Record<string, ModelConfig>> = {
  "dit-nano": DIT_NANO,
  "gated dit-nano": { ...DIT_NANO, model: { ...DIT_NANO.model, ...gated } },
  "diffmoe-nano": DIFFMOE_NANO,
  "gated diffmoe-nano with a shared expert": {
    ...DIFFMOE_NANO,
    model: { ...DIFFMOE_NANO.model, ...gated },
    moe: { ...DIFFMOE_NANO.moe, n_shared_experts: 2, capacity: 2, interleave: false },
  },
  "tcdit-nano": TCDIT_NANO,
  "tcdit-nano with two experts a token and two shared": {
    ...TCDIT_NANO,
    moe: { ...TCDIT_NANO.moe, capacity: 2, n_shared_experts: 2 },
  },
  "ecdit-nano": ECDIT_NANO,
  "gated ecdit-nano with a capacity that does not divide": {
    ...ECDIT_NANO,
    model: { ...ECDIT_NANO.model, ...gated },
    moe: { ...ECDIT_NANO.moe, capacity: 1.6, n_shared_experts: 1 },
  },
};

async function recordTraining(device: Device, config: ModelConfig): Promise<Program> {
  const model = createModel(config);
  model.params.allocate(device);
  const { in_channels: channels, input_size: size } = config.model;
  const [x, t, y] = [f32(BATCH, channels, size, size), f32(BATCH), i32(BATCH)].map((s) =>
    device.persistent(s)
  );
  const training = { random: device.persistent(u32(3)), stream: 0 };
  return await device.record("forward", () => ({ out: model.forward(x, t, y, undefined, training).out }));
}

for (const [name, config] of Object.entries(CONFIGS)) {
  Deno.test(`\`forwardFlops()\` agrees with the kernels' own cost when the model is ${name}`, async () => {
    using device = new Device(new NullBackend());
    using program = await recordTraining(device, config);
    const flops = forwardFlops(config);
    assertEquals(productFlops(program.calls, "linear"), BATCH * flops.linear);
    // Experts compute padded tiles; what is counted is one row for each token and expert that took it.
    const { model, moe } = config as typeof TCDIT_NANO;
    const tokens = (model.input_size / model.patch_size) ** 2;
    const perExpert = (pool: number) => Math.trunc(pool / moe.num_experts * moe.capacity) * moe.num_experts;
    const rows = config.family === "ecdit"
      ? BATCH * perExpert(tokens)
      : config.family === "dit"
      ? 0
      : BATCH * tokens * moe.capacity;
    const experts = productFlops(program.calls, "experts", (padded) => rows / padded);
    assertEquals(Math.round(experts), BATCH * flops.experts);
    const attending = program.calls.filter(({ kernel }) => kernel.name === "attention")
      .reduce(
        (sum, { kernel, inputs, attrs }) => sum + kernel.cost(inputs.map(({ spec }) => spec), attrs).flops,
        0,
      );
    const attention = attending / (BATCH * flops.attention);
    assert(attention > 1 && attention < 1.2, `attention costs ${attention} times its products`);
    assertEquals(flops.total, flops.linear + flops.experts + flops.attention);
  });
}

const TOTALS: Readonly<Record<string, readonly [number, number]>> = {
  // The paper's 33, 130, 458 and 675 million hold the frozen positions.
  "dit-s-2": [33e6, 1e6],
  "dit-b-2": [130.5e6, 1e6],
  "dit-l-2": [458e6, 1e6],
  "dit-xl-2": [675e6, 1e6],
};

for (const [name, [published, tolerance]] of Object.entries(TOTALS)) {
  Deno.test(`${name} has the published number of parameters`, () => {
    const { total, activated } = countParameters(presetNamed(name));
    assert(Math.abs(total - published) < tolerance, `${total} for ${published}`);
    assertEquals(activated, total);
  });
}

for (const size of ["s", "b", "l"]) {
  Deno.test(`token and expert choice of size ${size} activate what dense DiT does, and the router`, () => {
    const { total: dense } = countParameters(presetNamed(`dit-${size}-2`));
    const { model } = presetNamed(`dit-${size}-2`) as typeof DIT_NANO;
    const routers = model.depth / 2 * 16 * model.hidden_size;
    for (const family of ["tcdit", "ecdit"]) {
      assertEquals(countParameters(presetNamed(`${family}-${size}-e16`)).activated, dense + routers);
    }
  });
}

const WRONG: readonly [string, ModelConfig][] = [
  ["model.hidden_size 130: wanted a multiple of 4", {
    ...DIT_NANO,
    model: { ...DIT_NANO.model, hidden_size: 130 },
  }],
  ["model.hidden_size 132: wanted a multiple of num_heads 8", {
    ...DIT_NANO,
    model: { ...DIT_NANO.model, hidden_size: 132, num_heads: 8 },
  }],
  ["model.input_size 30: wanted a multiple of patch_size 4", {
    ...DIT_NANO,
    model: { ...DIT_NANO.model, input_size: 30 },
  }],
  ["moe.capacity 9: wanted more than 0, at most num_experts 8", {
    ...TCDIT_NANO,
    moe: { ...TCDIT_NANO.moe, capacity: 9 },
  }],
  ["moe.capacity 1.5: wanted a whole number of experts", {
    ...TCDIT_NANO,
    moe: { ...TCDIT_NANO.moe, capacity: 1.5 },
  }],
  ["moe.aux_loss_alpha -1: wanted 0 or more", {
    ...TCDIT_NANO,
    moe: { ...TCDIT_NANO.moe, aux_loss_alpha: -1 },
  }],
  ["moe.n_shared_experts 0.5: wanted a whole number of at least 0", {
    ...ECDIT_NANO,
    moe: { ...ECDIT_NANO.moe, n_shared_experts: 0.5 },
  }],
  ["moe.capacity 0.1: wanted more: of an image's 64 tokens none is left for each of 8 experts", {
    ...ECDIT_NANO,
    moe: { ...ECDIT_NANO.moe, capacity: 0.1 },
  }],
  ["moe.threshold_ema_decay 1: wanted at least 0 and below 1", {
    ...DIFFMOE_NANO,
    moe: { ...DIFFMOE_NANO.moe, threshold_ema_decay: 1 },
  }],
  ["model.CapacityPred_loss_weight -1: wanted 0 or more", {
    ...DIFFMOE_NANO,
    model: { ...DIFFMOE_NANO.model, CapacityPred_loss_weight: -1 },
  }],
  [
    "moe.capacity_schedule_stage_II_iters 5: wanted a whole number of at least capacity_schedule_stage_I_iters 9",
    {
      ...DIFFMOE_NANO,
      moe: { ...DIFFMOE_NANO.moe, capacity_schedule_stage_I_iters: 9, capacity_schedule_stage_II_iters: 5 },
    },
  ],
];

for (const [message, config] of WRONG) {
  Deno.test(`\`createModel()\` refuses ${message}`, () => {
    assertThrows(() => createModel(config), ConfigError, `Cannot use ${message}`);
  });
}
