import { assert, assertEquals } from "@std/assert";
import { f32, i32 } from "../../../engine/core/spec.ts";
import { Device } from "../../../engine/device/device.ts";
import { NullBackend } from "../../../engine/device/null_backend.ts";
import { type DsmoeConfig, validateDsmoe } from "../../../models/dsmoe/config.ts";
import { countParameters } from "../../../models/counts.ts";
import { forwardFlops } from "../../../models/dsmoe/counts.ts";
import { Dsmoe } from "../../../models/dsmoe/dsmoe.ts";
import { DSMOE_NANO } from "../../../models/dsmoe/presets.ts";
import { PRESETS } from "../../../models/presets.ts";
import { productFlops } from "../product_flops.ts";
import { PARITY_FOLDER, parityAvailable } from "../../devices.ts";

Deno.test({
  name: "`countParameters()` gives the reference's numbers when asked for the official presets",
  ignore: !parityAvailable,
  fn() {
    const names = Object.keys(PRESETS).filter((name) => name.startsWith("dsmoe-") && name !== "dsmoe-nano");
    assertEquals(names.length, 7);
    for (const name of names) {
      const file = new URL(`shapes/${name.replaceAll("-", "_")}.json`, PARITY_FOLDER);
      const golden = JSON.parse(Deno.readTextFileSync(file));
      assertEquals(countParameters(PRESETS[name]), {
        total: golden.total_params,
        trainable: golden.trainable_params,
        activated: golden.activated_params,
      });
    }
  },
});

const BATCH = 3;
const variant = (
  model: Partial<DsmoeConfig["model"]>,
  moe: Partial<DsmoeConfig["moe"]> = {},
): DsmoeConfig => ({
  ...DSMOE_NANO,
  model: { ...DSMOE_NANO.model, ...model },
  moe: { ...DSMOE_NANO.moe, ...moe },
});
const VARIANTS: Readonly<Record<string, DsmoeConfig>> = {
  "nano": DSMOE_NANO,
  "grouped queries of another width": variant({ enable_gqa: true, head_dim: 16, depth: 3 }),
  "all blocks MoE without shared expert": variant(
    { rope_type: "none", learn_sigma: false, mlp_ratio: 2.5 },
    { interleave: false, use_shared_expert: false, num_experts_per_tok: 3 },
  ),
  "dense": variant({ norm_type: "rmsnorm", patch_size: 8 }, { skip_first2: 4 }),
};

for (const [name, config] of Object.entries(VARIANTS)) {
  Deno.test(`\`forwardFlops()\` agrees with the kernels' own cost when the model is ${name}`, async () => {
    validateDsmoe(config);
    using device = new Device(new NullBackend());
    const model = new Dsmoe(config);
    model.params.allocate(device);
    const { in_channels: channels, input_size: size } = config.model;
    const [x, t, y] = [f32(BATCH, channels, size, size), f32(BATCH), i32(BATCH)].map((s) =>
      device.persistent(s)
    );
    using program = await device.record("forward", () => ({ out: model.forward(x, t, y).out }));
    const flops = forwardFlops(config);
    assertEquals(productFlops(program.calls, "linear"), BATCH * flops.linear);
    // Experts compute padded tiles; without the padding they have one row for each token and choice.
    const rows = BATCH * (size / config.model.patch_size) ** 2 * config.moe.num_experts_per_tok;
    const experts = productFlops(program.calls, "experts", (padded) => rows / padded);
    assertEquals(Math.round(experts), BATCH * flops.experts);
    // The kernel counts the softmax and the rotation too, a few operations beside 4 * head size.
    const attending = program.calls.filter(({ kernel }) => kernel.name === "attention")
      .reduce(
        (sum, { kernel, inputs, attrs }) => sum + kernel.cost(inputs.map(({ spec }) => spec), attrs).flops,
        0,
      );
    const attention = attending / (BATCH * flops.attention);
    assert(attention > 1 && attention < 1.2, `attention costs ${attention} times its products`);
    const products = productFlops(program.calls, "linear") + productFlops(program.calls, "experts") +
      attending;
    const rest = (program.cost().flops - products) / (BATCH * flops.total);
    assert(rest > 0 && rest < 0.05, `other kernels cost ${rest} times the products`);
  });
}
