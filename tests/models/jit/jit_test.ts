import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Philox, seedWords } from "../../../engine/core/random.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { JitConfig, JitMoeConfig } from "../../../models/jit/config.ts";
import { Jit } from "../../../models/jit/jit.ts";
import { JIT_NANO, JITMOE_NANO } from "../../../models/jit/presets.ts";
import type { TrainingContext } from "../../../models/model.ts";
import { deviceTest } from "../../devices.ts";

const TINY: JitMoeConfig = {
  ...JITMOE_NANO,
  model: {
    ...JITMOE_NANO.model,
    input_size: 8,
    hidden_size: 16,
    num_heads: 2,
    num_classes: 3,
    bottleneck_dim: 6,
    in_context_len: 2,
    in_context_start: 2,
  },
  moe: { ...JITMOE_NANO.moe, num_experts: 4, moe_intermediate_size: 8 },
};

type Values = ReadonlyMap<string, readonly number[]>;

/** Runs a model whose every parameter is random, those that start at zero too; gives all that the probe sees. */
async function run(device: Device, config: JitConfig | JitMoeConfig, step?: number): Promise<Values> {
  using _scope = device.scope();
  const model = new Jit(config);
  using params = model.params;
  params.allocate(device);
  params.all.forEach((parameter, i) => {
    parameter.tensor.write(new Philox(11, i).normals(parameter.size).map((value) => 0.3 * value));
  });
  const [x, t] = [new Philox(12, 0).normals(2 * 3 * 64), Float32Array.of(0.2, 0.6)];
  const training: TrainingContext | undefined = step === undefined
    ? undefined
    : { random: device.tensor([3], Uint32Array.of(...seedWords(5), step)), stream: 4 };
  const seen = new Map<string, readonly number[]>();
  const pending: Promise<void>[] = [];
  const { out } = model.forward(
    device.tensor([2, 3, 8, 8], x),
    device.tensor([2], t),
    device.tensor([2], Int32Array.of(1, 3)),
    (name, tensor) => pending.push(tensor.read().then((values) => void seen.set(name, [...values]))),
    training,
  );
  await Promise.all(pending);
  return seen.set("out", [...await out.read()]);
}

deviceTest(
  ["reference", "cpu"],
  "`Jit` drops channels in the middle half, in training only",
  async (device) => {
    const config: JitMoeConfig = {
      ...TINY,
      model: { ...TINY.model, proj_drop: 0.5 },
      moe: { ...TINY.moe, proj_drop: 0.5 },
    };
    const [off, on, again, later] = [
      await run(device, config),
      await run(device, config, 1),
      await run(device, config, 1),
      await run(device, config, 2),
    ];
    assertEquals(off, await run(device, TINY, 1));
    assertEquals(on, again);
    assertEquals(on.get("hidden.0"), off.get("hidden.0"));
    for (const name of ["hidden.1", "hidden.2", "out"]) {
      assertNotEquals(on.get(name), off.get(name));
      assertNotEquals(on.get(name), later.get(name));
    }
  },
);

deviceTest(
  ["reference", "cpu"],
  "each place of dropout in `Jit` has a switch and a mask of its own",
  async (device) => {
    const outside = { ...TINY, model: { ...TINY.model, proj_drop: 0.5 } };
    const inside = { ...TINY, moe: { ...TINY.moe, proj_drop: 0.5 } };
    const [plain, o, i] = [
      await run(device, TINY),
      await run(device, outside, 1),
      await run(device, inside, 1),
    ];
    // Block 1 has experts and block 2 has none, so that the experts' switch acts in block 1 alone.
    const own = (values: Values) =>
      values.get("hidden.1")!.map((value, k) => value - plain.get("hidden.1")![k]);
    assertNotEquals(own(o), own(i));
    assert(own(i).some((value) => value !== 0));
    const dense: JitConfig = { family: "jit", model: TINY.model, objective: TINY.objective };
    assertEquals(await run(device, dense, 1), await run(device, dense));
  },
);

deviceTest(
  ["cpu", "webgpu"],
  "`Jit` drops the same channels on every device",
  async (device, oracle) => {
    const config = {
      ...TINY,
      model: { ...TINY.model, proj_drop: 0.5 },
      moe: { ...TINY.moe, proj_drop: 0.5 },
    };
    const [own, wanted] = [await run(device, config, 3), await run(oracle, config, 3)];
    const [out, reference] = [own.get("out")!, wanted.get("out")!];
    const norm = Math.hypot(...reference);
    const error = Math.hypot(...out.map((value, i) => value - reference[i]));
    assert(error < 1e-4 * norm, `the outputs differ by ${error / norm}`);
  },
);

deviceTest(
  ["reference"],
  "the class tokens of `Jit` join at in_context_start and leave before the output",
  async (device) => {
    const rows = (values: Values, block: number) => values.get(`hidden.${block}`)!.length / (2 * 16);
    const seen = await run(device, TINY);
    assertEquals([0, 1, 2, 3].map((block) => rows(seen, block)), [4, 4, 6, 6]);
    assertEquals(seen.get("out")!.length, 2 * 3 * 64);
    const without = await run(device, { ...TINY, model: { ...TINY.model, in_context_len: 0 } });
    assertEquals([0, 1, 2, 3].map((block) => rows(without, block)), [4, 4, 4, 4]);
  },
);

deviceTest(["reference"], "`Jit` starts by predicting a grey image", async (device) => {
  using _scope = device.scope();
  const model = new Jit(TINY);
  using params = model.params;
  params.allocate(device);
  params.initialize(1);
  const x = device.tensor([1, 3, 8, 8], new Philox(3, 0).normals(192));
  const { out } = model.forward(
    x,
    device.tensor([1], Float32Array.of(0.5)),
    device.tensor([1], new Int32Array(1)),
  );
  assertEquals([...await out.read()], Array(192).fill(0));
});

Deno.test("a JiTMoE whose every block is dense declares the parameters of a JiT", () => {
  const dense: JitMoeConfig = {
    ...JITMOE_NANO,
    moe: { ...JITMOE_NANO.moe, skip_first2: JITMOE_NANO.model.depth },
  };
  assertEquals(new Jit(dense).params.stateShapes(), new Jit(JIT_NANO).params.stateShapes());
});

Deno.test("the router of a JiTMoE starts with kaiming normal values", () => {
  const routers = new Jit(JITMOE_NANO).params.all.filter(({ name }) => name.endsWith("mlp.gate.weight"));
  assertEquals(routers.map(({ name }) => name), ["blocks.1.mlp.gate.weight", "blocks.3.mlp.gate.weight"]);
  const values = routers.flatMap((router) => [...router.initialValues(0)]);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  const wanted = Math.sqrt(2 / JITMOE_NANO.model.hidden_size);
  assert(Math.abs(deviation / wanted - 1) < 0.05, `${deviation} for ${wanted}`);
});
