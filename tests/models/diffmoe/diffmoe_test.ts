import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { ParamStore } from "../../../engine/params/param_store.ts";
import type { Device } from "../../../engine/device/device.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { BatchPoolMoe } from "../../../models/diffmoe/batch_pool_moe.ts";
import type { DiffMoeConfig } from "../../../models/diffmoe/config.ts";
import { DIFFMOE_NANO } from "../../../models/diffmoe/presets.ts";
import type { TrainingContext } from "../../../models/model.ts";
import { moveBuffers } from "../../../models/moe/moving_buffer.ts";
import type { Routing } from "../../../models/moe/sparse_moe.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;
const [BATCH, TOKENS, HIDDEN, EXPERTS] = [2, 10, 8, 4];

function configOf(moe: Partial<DiffMoeConfig["moe"]> = {}): DiffMoeConfig {
  return {
    ...DIFFMOE_NANO,
    model: { ...DIFFMOE_NANO.model, hidden_size: HIDDEN, mlp_ratio: 2 },
    moe: { ...DIFFMOE_NANO.moe, num_experts: EXPERTS, ...moe },
  };
}

interface Setup extends Disposable {
  readonly layer: BatchPoolMoe;
  readonly params: ParamStore;
  readonly x: Tensor;
  readonly parameter: (name: string) => Tensor;
  readonly training: (step: number) => TrainingContext;
}

function setUp(device: Device, config = configOf()): Setup {
  const params = new ParamStore();
  const layer = new BatchPoolMoe(params.root, config);
  params.allocate(device);
  params.initialize(3);
  // Small first values would make all scores nearly equal.
  const parameter = (name: string) => params.all.find((own) => own.name === name)!.tensor;
  parameter("gate_weight").write(new Philox(9, 1).normals(EXPERTS * HIDDEN));
  const x = device.tensor([BATCH, TOKENS, HIDDEN], new Philox(9, 2).normals(BATCH * TOKENS * HIDDEN));
  const training = (step: number) => ({ random: device.tensor([3], Uint32Array.of(0, 0, step)), stream: 0 });
  return { layer, params, x, parameter, training, [Symbol.dispose]: () => params[Symbol.dispose]() };
}

const countsOf = async ({ counts }: Routing): Promise<number[]> => [...await counts.read()];

deviceTest(
  ALL,
  "`BatchPoolMoe` gives every expert the same number of the batch's tokens while training",
  async (device) => {
    using _scope = device.scope();
    using setup = setUp(device);
    const { routing } = setup.layer.forward(setup.x, setup.training(0));
    assertEquals(await countsOf(routing!), Array(EXPERTS).fill(BATCH * TOKENS / EXPERTS));
  },
);

deviceTest(
  ALL,
  "`BatchPoolMoe` takes no, some or all tokens as the thresholds say when sampling",
  async (device) => {
    using _scope = device.scope();
    using setup = setUp(device);
    const { layer, x, parameter } = setup;
    parameter("expert_threshold").write(Float32Array.of(0, 0.5, 1, 0.5));
    const { out, routing } = layer.forward(x);
    const counts = await countsOf(routing!);
    assertEquals([counts[0], counts[2]], [BATCH * TOKENS, 0]);
    assert(counts[1] > 0 && counts[1] < BATCH * TOKENS, `${counts}`);
    assertEquals(routing!.moving, undefined);
    parameter("expert_threshold").write(new Float32Array(EXPERTS).fill(1));
    const none = layer.forward(x);
    assertEquals(await countsOf(none.routing!), Array(EXPERTS).fill(0));
    assert((await none.out.read()).every((value) => value === 0));
    assertNotEquals([...await out.read()], [...await none.out.read()]);
  },
);

deviceTest(["cpu"], "`BatchPoolMoe` teaches the predictor alone by its loss", async (device) => {
  using _scope = device.scope();
  using setup = setUp(device);
  const { layer, params, x, training } = setup;
  const watched = [x, ...params.trainable.map(({ tensor }) => tensor)];
  const { gradients } = valueAndGradients(watched, () => layer.forward(x, training(0)).routing!.auxiliary!());
  const reached = params.trainable.filter((_, i) => gradients[i + 1] !== null).map(({ name }) => name);
  assertEquals(gradients[0], null);
  assertEquals(
    reached,
    ["0.weight", "0.bias", "2.weight", "2.bias"].map((name) => `capacity_predictor.${name}`),
  );
  for (const gradient of gradients) {
    if (gradient) assert((await gradient.read()).some((value) => value !== 0));
  }
});

deviceTest(
  ALL,
  "`moveBuffers()` moves the thresholds to the quantiles, and not where a step is skipped",
  async (device) => {
    using _scope = device.scope();
    using setup = setUp(device);
    const threshold = setup.parameter("expert_threshold");
    const { routing } = setup.layer.forward(setup.x, setup.training(0));
    assertEquals([...await threshold.read()], Array(EXPERTS).fill(0), "a forward pass changes nothing");
    moveBuffers([routing!], device.tensor([1], Float32Array.of(-1)));
    assertEquals([...await threshold.read()], Array(EXPERTS).fill(0));
    const twice = {
      ...routing!,
      moving: { ...routing!.moving!, values: Array(2).fill(routing!.moving!.values[0]) },
    };
    moveBuffers([twice], device.tensor([1], Float32Array.of(1)));
    const predicted = await routing!.predicted!.read();
    const limit = BATCH * TOKENS / EXPERTS;
    for (const [e, got] of (await threshold.read()).entries()) {
      const column = Array.from({ length: BATCH * TOKENS }, (_, t) => predicted[t * EXPERTS + e]);
      const quantile = 1 / (1 + Math.exp(-column.sort((a, b) => b - a)[limit - 1]));
      assert(Math.abs(got - (1 - 0.95 ** 2) * quantile) < 1e-6, `${got} for expert ${e}`);
    }
  },
);

deviceTest(
  ALL,
  "the capacity schedule begins with all tokens for all experts and ends at the capacity",
  async (device) => {
    using _scope = device.scope();
    const config = configOf({ capacity_schedule_stage_I_iters: 2, capacity_schedule_stage_II_iters: 4 });
    using setup = setUp(device, config);
    const taken: number[] = [];
    for (const step of [0, 2, 3, 4, 5]) {
      const { routing } = setup.layer.forward(setup.x, setup.training(step));
      const counts = await countsOf(routing!);
      assert(counts.every((count) => count === counts[0]), `${counts}`);
      taken.push(counts[0]);
    }
    // From 20 tokens to 5 in two steps: 12.5 half way, rounded down.
    assertEquals(taken, [20, 20, 12, 5, 5]);
  },
);

deviceTest(
  ["cpu"],
  "`BatchPoolMoe` refuses a batch whose tokens are fewer than the experts need",
  (device) => {
    using _scope = device.scope();
    using setup = setUp(device, configOf({ capacity: 0.1 }));
    assertThrows(
      () => setup.layer.forward(setup.x, setup.training(0)),
      ConfigError,
      "Cannot train with moe.capacity 0.1: of 20 tokens none is left for each of 4 experts",
    );
  },
);
