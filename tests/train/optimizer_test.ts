import { assertAlmostEquals, assertEquals } from "@std/assert";
import { zeros } from "../../engine/params/init.ts";
import { ParamStore } from "../../engine/params/param_store.ts";
import type { Device } from "../../engine/device/device.ts";
import { AdamW, type AdamwOptions, weightDecayGroups } from "../../train/optimizer.ts";
import { deviceTest } from "../devices.ts";

const OPTIONS: AdamwOptions = {
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weightDecay: 0,
  emaDecay: 0.5,
  clipNorm: null,
};

/** A parameter, a frozen one and a buffer, all 1. */
function store(device: Device): ParamStore {
  const params = new ParamStore();
  for (const kind of ["trainable", "frozen", "buffer"] as const) {
    params.root.parameter(kind, [2], { init: zeros(), kind });
  }
  params.allocate(device);
  for (const { tensor } of params.all) tensor.write(Float32Array.of(1, 1));
  return params;
}

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`AdamW` keeps two averages, without buffers if told so",
  async (device) => {
    using params = store(device);
    using optimizer = new AdamW(device, params, { ...OPTIONS, emaDecay2: 0.75, emaBuffers: false });
    const names = (averages: typeof optimizer.ema) => [...averages.keys()].map(({ name }) => name);
    assertEquals(names(optimizer.ema), ["trainable", "frozen"]);
    assertEquals(names(optimizer.ema2), ["trainable", "frozen"]);
    optimizer.startEma();
    const gradient = device.tensor([2], Float32Array.of(1, 1));
    const [loss, rate] = [device.tensor([], Float32Array.of(1)), device.tensor([1], Float32Array.of(0.5))];
    for (let step = 0; step < 2; step++) {
      const { gate } = optimizer.step([gradient], loss, rate, []);
      optimizer.averageBuffers(gate);
    }
    // A constant gradient moves the weight by the rate: 1, 0.5, 0.
    const values = async (averages: typeof optimizer.ema) => (await [...averages.values()][0].read())[0];
    assertAlmostEquals(await values(optimizer.ema), 0.5 * (0.5 * 1 + 0.5 * 0.5), 1e-6);
    assertAlmostEquals(await values(optimizer.ema2), 0.75 * (0.75 * 1 + 0.25 * 0.5), 1e-6);
  },
);

deviceTest(
  ["reference"],
  "`AdamW` averages buffers unless told otherwise, and nothing without a decay",
  (device) => {
    using params = store(device);
    using both = new AdamW(device, params, OPTIONS);
    assertEquals([both.ema.size, both.ema2.size], [3, 0]);
    using none = new AdamW(device, params, { ...OPTIONS, emaDecay: null });
    assertEquals([none.ema.size, none.ema2.size], [0, 0]);
  },
);

Deno.test("`weightDecayGroups()` exempts biases and one-dimensional parameters, in stacks of experts too", () => {
  const { root } = new ParamStore();
  const decay = weightDecayGroups(0.1);
  const of = (name: string, shape: readonly number[], experts?: number) =>
    decay(root.parameter(name, shape, { init: zeros(), experts }));
  assertEquals(of("norm.weight", [8]), 0);
  assertEquals(of("attn.qkv.bias", [24]), 0);
  assertEquals(of("mlp.experts.blocks.*.w12.bias", [4, 16], 4), 0);
  assertEquals(of("mlp.experts.blocks.*.scale", [4, 16], 4), 0);
  assertEquals(of("odd.bias", [2, 2]), 0);
  assertEquals(of("mlp.experts.blocks.*.w12.weight", [4, 16, 8], 4), 0.1);
  assertEquals(of("y_embedder.embedding_table.weight", [11, 8]), 0.1);
  assertEquals(of("in_context_posemb", [1, 3, 8]), 0.1);
  assertEquals(of("mlp.gate.weight", [4, 8]), 0.1);
});
