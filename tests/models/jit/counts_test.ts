import { assert, assertEquals } from "@std/assert";
import { f32, i32 } from "../../../engine/core/spec.ts";
import { Device } from "../../../engine/device/device.ts";
import { NullBackend } from "../../../engine/device/null_backend.ts";
import type { JitConfig, JitMoeConfig } from "../../../models/jit/config.ts";
import { forwardFlops } from "../../../models/jit/counts.ts";
import { Jit } from "../../../models/jit/jit.ts";
import { JIT_NANO, JITMOE_NANO } from "../../../models/jit/presets.ts";

const BATCH = 3;
const VARIANTS: Readonly<Record<string, JitConfig | JitMoeConfig>> = {
  "a dense nano": JIT_NANO,
  "nano": JITMOE_NANO,
  "without class tokens and shared expert": {
    ...JITMOE_NANO,
    model: { ...JITMOE_NANO.model, in_context_len: 0, mlp_ratio: 2.5, depth: 3 },
    moe: { ...JITMOE_NANO.moe, interleave: false, use_shared_expert: false, num_experts_per_tok: 3 },
  },
};

for (const [name, config] of Object.entries(VARIANTS)) {
  Deno.test(`\`forwardFlops()\` agrees with the kernels' own cost when a JiT is ${name}`, async () => {
    using device = new Device(new NullBackend());
    const model = new Jit(config);
    model.params.allocate(device);
    const { in_channels: channels, input_size: size } = config.model;
    const [x, t, y] = [f32(BATCH, channels, size, size), f32(BATCH), i32(BATCH)].map((s) =>
      device.persistent(s)
    );
    using program = await device.record("forward", () => ({ out: model.forward(x, t, y).out }));
    const flops = forwardFlops(config);
    let [linear, experts, attention] = [0, 0, 0];
    let dispatched = 1;
    for (const { kernel, inputs, attrs } of program.calls) {
      const specs = inputs.map(({ spec }) => spec);
      const own = kernel.cost(specs, attrs).flops;
      if (kernel.name === "matmul") linear += own;
      if (kernel.name === "attention") attention += own;
      if (kernel.name === "dispatch") dispatched = specs[0].shape[0] * specs[0].shape[1];
      // Experts compute padded tiles; without the padding they have one row for each token and choice.
      if (kernel.name === "grouped_matmul") experts += own * dispatched / specs[0].shape[0];
    }
    assertEquals(linear, BATCH * flops.linear);
    assertEquals(Math.round(experts), BATCH * flops.experts);
    const share = attention / (BATCH * flops.attention);
    assert(share > 1 && share < 1.2, `attention costs ${share} times its products`);
    assertEquals(flops.total, flops.linear + flops.experts + flops.attention);
  });
}
