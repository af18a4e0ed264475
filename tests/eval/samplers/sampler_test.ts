import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { ConfigError } from "../../../engine/core/errors.ts";
import type { Device } from "../../../engine/device/device.ts";
import { createSampler, type SamplerOptions } from "../../../eval/sampler.ts";
import { createModel, type ModelConfig } from "../../../models/create.ts";
import type { DiffusionModel } from "../../../models/model.ts";
import { trainConfigOf } from "../../../train/config.ts";
import { deviceTest } from "../../devices.ts";
import { SIDE, toyModel } from "./toy_model.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

/** Samples two images of a toy model from noise 1 and -2; gives one pixel of each. */
async function endsOf(device: Device, model: DiffusionModel, options: Partial<SamplerOptions>) {
  using sampler = await createSampler(device, model, {
    batch: 2,
    steps: 8,
    method: "heun",
    guidance: 1,
    ...options,
  });
  const pixels = SIDE ** 2;
  const noise = Float32Array.from({ length: 2 * pixels }, (_, i) => i < pixels ? 1 : -2);
  const { images, evaluations } = await sampler.sample({ labels: Int32Array.of(0, 1), noise });
  return { ends: [images[0], images[pixels]], evaluations };
}

deviceTest(ALL, "`createSampler()` follows the velocity of each image's class", async (device) => {
  const model = toyModel([0.5, -1, 0]);
  const { ends, evaluations } = await endsOf(device, model, { method: "dopri5", rtol: 1e-6 });
  assertAlmostEquals(ends[0], Math.exp(0.5), 1e-5);
  assertAlmostEquals(ends[1], -2 * Math.exp(-1), 1e-5);
  assert(evaluations >= 14);
});

deviceTest(["reference"], "Euler converges to first order, Heun to second", async (device) => {
  const model = toyModel([0.7, 0.7, 0], { slope: 0.6 });
  const exact = Math.exp(1);
  const error = async (method: "euler" | "heun", steps: number) =>
    Math.abs((await endsOf(device, model, { method, steps })).ends[0] - exact);
  for (const [method, order] of [["euler", 1], ["heun", 2]] as const) {
    const ratio = await error(method, 16) / await error(method, 32);
    assertAlmostEquals(Math.log2(ratio), order, 0.15);
  }
});

deviceTest(
  ALL,
  "guidance is `v_null + g (v_cond - v_null)` inside its interval and 1 outside",
  async (device) => {
    const [cond, none] = [0.8, -0.4];
    const model = toyModel([cond, cond, none]);
    const guided = (g: number) => none + g * (cond - none);
    const always = await endsOf(device, model, { method: "dopri5", guidance: 3, rtol: 1e-6 });
    assertAlmostEquals(always.ends[0], Math.exp(guided(3)), 2e-4);
    const interval = [0.25, 0.75] as const;
    const some = await endsOf(device, model, { method: "dopri5", guidance: 3, interval, rtol: 1e-6 });
    assertAlmostEquals(some.ends[0], Math.exp(guided(3) / 2 + cond / 2), 1e-4);
    // Euler's four steps are at 0, 1/4, 1/2, 3/4: both ends of the interval are outside.
    const euler = await endsOf(device, model, { method: "euler", steps: 4, guidance: 3, interval });
    assertAlmostEquals(euler.ends[0], (1 + cond / 4) ** 3 * (1 + guided(3) / 4), 1e-5);
    // A start of 0 includes time 0.
    const early = await endsOf(device, model, {
      method: "euler",
      steps: 4,
      guidance: 3,
      interval: [0, 0.25],
    });
    assertAlmostEquals(early.ends[0], (1 + guided(3) / 4) * (1 + cond / 4) ** 3, 1e-5);
  },
);

deviceTest(["reference"], "Heun's second velocity is guided at the end of its step", async (device) => {
  const [cond, none, g] = [0.8, -0.4, 2];
  const { ends } = await endsOf(device, toyModel([cond, cond, none]), {
    steps: 1,
    guidance: g,
    interval: [0.5, 2],
  });
  const guided = none + g * (cond - none);
  assertAlmostEquals(ends[0], 1 + (cond + guided * (1 + cond)) / 2, 1e-6);
});

deviceTest(
  ["reference"],
  "Heun's last step is one of Euler where the velocity is singular at 1",
  async (device) => {
    const objective = { singularAtData: true, noiseScale: 2 };
    const { ends, evaluations } = await endsOf(device, toyModel([1, 1, 0], { objective }), { steps: 2 });
    const [heun, euler] = [1 + 0.5 + 0.125, 1.5];
    assertAlmostEquals(ends[0], 2 * heun * euler, 1e-6);
    assertEquals(evaluations, 3);
    const one = await endsOf(device, toyModel([1, 1, 0], { objective }), { steps: 1 });
    assertAlmostEquals(one.ends[0], 4, 1e-6);
    assertEquals((await endsOf(device, toyModel([1, 1, 0]), { steps: 2 })).evaluations, 4);
  },
);

deviceTest(
  ["reference"],
  "a model that couples its batch sees each pass of guidance alone",
  async (device) => {
    const rates = [0.5, 0.5, 0.1];
    const coupled = toyModel(rates, { couplesBatch: true });
    const { ends } = await endsOf(device, coupled, { method: "euler", steps: 1, guidance: 2 });
    // The images are 1 and -2: their mean velocity is that of -0.5.
    const velocity = (rate: number) => rate * 1 + rate * -0.5;
    assertAlmostEquals(ends[0], 1 + velocity(0.1) + 2 * (velocity(0.5) - velocity(0.1)), 1e-6);
  },
);

/** A network without routing, whose velocity is smooth, with random values in every parameter. */
async function smoothNetwork(device: Device): Promise<DiffusionModel> {
  const nano = trainConfigOf("dsmoe-nano") as Extract<ModelConfig, { family: "dsmoe" }>;
  const size = { input_size: 8, patch_size: 4, hidden_size: 16, depth: 2, num_heads: 2, num_classes: 2 };
  const model = createModel({
    family: "dsmoe",
    model: { ...nano.model, ...size },
    moe: { ...nano.moe, skip_first2: 2 },
  });
  model.params.allocate(device);
  model.params.all.forEach(({ tensor }, i) => {
    tensor.write(new Philox(5, i).normals(tensor.size).map((value) => 0.25 * value));
  });
  await Promise.resolve();
  return model;
}

function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0) / a.length);
}

deviceTest(["reference", "cpu"], "all samplers of a network approach the same images", async (device) => {
  const model = await smoothNetwork(device);
  using _params = model.params;
  const run = async (options: Partial<SamplerOptions>) => {
    const defaults = { batch: 2, steps: 1, method: "dopri5", guidance: 1.5 } as const;
    using sampler = await createSampler(device, model, { ...defaults, ...options });
    return await sampler.sample({ labels: Int32Array.of(0, 1), noise: new Philox(1, 2).normals(2 * 3 * 64) });
  };
  const { images: exact, evaluations } = await run({ rtol: 1e-7, atol: 1e-9 });
  const adaptive = await run({});
  assertLess(distance(adaptive.images, exact), 5e-3);
  assertLess(adaptive.evaluations, evaluations);
  const [coarse, fine] = [await run({ method: "heun", steps: 8 }), await run({ method: "heun", steps: 16 })];
  const order = Math.log2(distance(coarse.images, exact) / distance(fine.images, exact));
  assertAlmostEquals(order, 2, 0.4);
  const euler = await run({ method: "euler", steps: 64 });
  assertLess(
    distance(euler.images, exact),
    distance((await run({ method: "euler", steps: 16 })).images, exact),
  );
});

deviceTest(
  ["cpu"],
  "`createSampler()` samples from the weights that are given, in every step",
  async (device) => {
    const model = await smoothNetwork(device);
    using _params = model.params;
    const weights = new Map(
      model.params.all.map((parameter) => [parameter, device.persistent(parameter.spec)]),
    );
    for (const [{ tensor }, average] of weights) {
      average.write(
        await tensor.read() as Float32Array<ArrayBuffer>,
      );
    }
    const run = async (own: Partial<SamplerOptions>, singular: boolean) => {
      const field = { ...model, objective: { ...model.objective, singularAtData: singular } };
      field.forward = model.forward.bind(model);
      const options = { batch: 1, steps: 2, method: "heun", guidance: 1, ...own } as const;
      using sampler = await createSampler(device, { ...field, params: model.params }, options);
      const noise = new Philox(1, 2).normals(3 * 64);
      return (await sampler.sample({ labels: Int32Array.of(0), noise })).images;
    };
    const before = await run({}, true);
    for (const { tensor } of model.params.all) tensor.write(new Float32Array(tensor.size));
    assertEquals(await run({ weights }, true), before);
    assert(distance(await run({}, true), before) > 1e-3);
    for (const tensor of weights.values()) device.release(tensor);
  },
);

deviceTest(["reference"], "`createSampler()` names an option that is out of range", async (device) => {
  const refuses = async (options: Partial<SamplerOptions>, message: string) =>
    await assertRejects(() => endsOf(device, toyModel([0, 0, 0]), options), ConfigError, message);
  await refuses({ method: "rk4" as "euler" }, 'Cannot sample with "rk4": wanted one of euler, heun, dopri5');
  await refuses({ steps: 0 }, "in 0 steps");
  await refuses({ guidance: -1 }, "guidance -1");
  await refuses({ interval: [0.5, 0.5] }, "Cannot guide from 0.5 to 0.5");
  await refuses({ rtol: 0 }, "rtol 0");
  await refuses({ method: "dopri5", divergence: true }, "wanted euler or heun");
});
