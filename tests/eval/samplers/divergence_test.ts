import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import { createSampler, type RoutingDivergence } from "../../../eval/sampler.ts";
import {
  chosenExperts,
  meanDivergence,
  routingDivergence,
  takenTokens,
} from "../../../eval/samplers/divergence.ts";
import { createModel, type ModelConfig } from "../../../models/create.ts";
import { presetNamed } from "../../../models/presets.ts";
import { trainConfigOf } from "../../../train/config.ts";
import { deviceTest } from "../../devices.ts";

Deno.test("`routingDivergence()` is 1 - |A and B| / k, mean over tokens, whatever the order", () => {
  const between = (a: number[], b: number[], k: number) =>
    routingDivergence(chosenExperts(a, k), chosenExperts(b, k));
  assertEquals(between([0, 1, 2, 3], [1, 0, 3, 2], 2), 0);
  assertEquals(between([0, 1, 2, 3], [2, 3, 0, 1], 2), 1);
  assertEquals(between([0, 1, 2, 3], [0, 4, 2, 3], 2), 0.25);
  assertAlmostEquals(between([0, 1, 2], [0, 1, 5], 3), 1 / 3, 1e-12);
});

Deno.test("`routingDivergence()` compares experts that take different numbers of tokens", () => {
  // Two tokens, two experts; 9 is what an expert that did not take the token has.
  const [a, b] = [takenTokens([0, 9, 1, 4], 2, 9), takenTokens([9, 4, 1, 9], 2, 9)];
  assertEquals([a.size, b.size], [3, 2]);
  assertAlmostEquals(routingDivergence(a, b), 1 - 1 / 2.5, 1e-12);
  assertEquals(routingDivergence(new Set(), new Set()), 0);
});

Deno.test("`meanDivergence()` averages step by step and layer by layer", () => {
  const part = (a: number, b: number): RoutingDivergence => ({
    layers: ["one", "two"],
    steps: [{ t: 0, layers: [a, b] }, { t: 0.5, layers: [b, a] }],
  });
  assertEquals(meanDivergence([part(0, 1), part(0.5, 0)]).steps, [
    { t: 0, layers: [0.25, 0.5] },
    { t: 0.5, layers: [0.5, 0.25] },
  ]);
});

deviceTest(
  ["reference", "cpu", "webgpu"],
  "a sampler measures how classes change the routing",
  async (device) => {
    const nano = trainConfigOf("dsmoe-nano") as Extract<ModelConfig, { family: "dsmoe" }>;
    const size = { input_size: 8, patch_size: 4, hidden_size: 16, depth: 4, num_heads: 2, num_classes: 2 };
    const { moe } = nano;
    const model = createModel({ family: "dsmoe", model: { ...nano.model, ...size }, moe });
    using params = model.params;
    params.allocate(device);
    params.all.forEach(({ tensor }, i) => {
      tensor.write(new Philox(5, i).normals(tensor.size).map((value) => 0.3 * value));
    });
    const run = async (label: number, guidance: number) => {
      using sampler = await createSampler(device, model, {
        batch: 1,
        steps: 3,
        method: "heun",
        guidance,
        divergence: true,
      });
      const noise = new Philox(1, 2).normals(3 * 64);
      return (await sampler.sample({ labels: Int32Array.of(label), noise })).divergence!;
    };
    const { layers, steps } = await run(0, 2);
    assertEquals(layers, ["blocks.1.mlp", "blocks.3.mlp"]);
    assertEquals(steps.map(({ t }) => t), [0, 1 / 3, 2 / 3]);
    const all = steps.flatMap((step) => step.layers);
    assert(all.some((value) => value > 0) && all.every((value) => value >= 0 && value <= 1), `${all}`);
    // The null class is the last label: both passes are the same.
    assertEquals((await run(2, 1)).steps.flatMap((step) => step.layers), [0, 0, 0, 0, 0, 0]);
  },
);

for (const preset of ["dsmoe-nano", "jitmoe-nano", "diffmoe-nano", "tcdit-nano", "ecdit-nano"]) {
  deviceTest(
    ["cpu"],
    `the routing divergence of ${preset} is between 0 and 1, and 0 for one label`,
    async (device) => {
      const model = createModel(presetNamed(preset));
      using params = model.params;
      params.allocate(device);
      params.all.forEach(({ tensor }, i) => {
        tensor.write(new Philox(5, i).normals(tensor.size).map((value) => 0.1 * value));
      });
      using sampler = await createSampler(device, model, {
        batch: 1,
        steps: 1,
        method: "euler",
        guidance: 1,
        divergence: true,
      });
      const { in_channels: channels, input_size: size, num_classes: none } = model.config.model;
      const noise = new Philox(1, 2).normals(channels * size ** 2);
      const measure = async (label: number) => {
        const { divergence } = await sampler.sample({ labels: Int32Array.of(label), noise });
        return divergence!.steps[0].layers;
      };
      const layers = await measure(0);
      assert(layers.length > 0 && layers.every((value) => value >= 0 && value <= 1), `${layers}`);
      assert(layers.some((value) => value > 0), `${layers}`);
      assertEquals(await measure(none), layers.map(() => 0));
    },
  );
}
