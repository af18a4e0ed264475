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

deviceTest(
  ["reference", "cpu", "webgpu"],
  "`AdamW` counts the steps of each expert, whatever its size, and leaves out a parameter without gradient",
  async (device) => {
    using params = new ParamStore();
    const scope = params.root.sub("moe");
    scope.parameter("weight", [7], { init: zeros() });
    scope.parameter("experts.*.weight", [3, 5], { init: zeros(), experts: 3, routedBy: "moe" });
    scope.parameter("idle", [70], { init: zeros() });
    params.allocate(device);
    for (const { tensor, size } of params.all) tensor.write(new Float32Array(size).fill(1));
    using optimizer = new AdamW(device, params, OPTIONS);
    optimizer.startEma();
    const gradients = [[7], [3, 5]].map((shape) => {
      const size = shape.reduce((product, dim) => product * dim);
      return device.tensor(shape, new Float32Array(size).fill(1));
    });
    const [loss, rate] = [device.tensor([], Float32Array.of(1)), device.tensor([1], Float32Array.of(0.5))];
    for (const counts of [[4, 0, 2], [0, 0, 6]]) {
      const routing = { path: "moe", counts: device.tensor([3], Int32Array.from(counts)) };
      optimizer.step([...gradients, null], loss, rate, [routing]);
    }
    const states = [...optimizer.states.values()];
    const steps = await Promise.all(states.map(async (state) => [...await state.steps.read()]));
    assertEquals(steps, [[2], [1, 0, 2], [0]]);
    const [weight, experts, idle] = await Promise.all(params.all.map(({ tensor }) => tensor.read()));
    const close = (values: ArrayLike<number>, wanted: readonly number[]) =>
      wanted.forEach((want, i) => assertAlmostEquals(values[i], want, 1e-5));
    // A constant gradient moves a weight by the rate.
    close(weight, new Array(7).fill(0));
    close(experts, [0.5, 1, 0].flatMap((value) => new Array(5).fill(value)));
    close(idle, new Array(70).fill(1));
    const ema = await optimizer.ema.get(params.all[1])!.read();
    close(ema, [0.5 * 0.75 + 0.5 * 0.5, 1, 0.5 * 0.75].flatMap((value) => new Array(5).fill(value)));
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
