import { assert, assertEquals } from "@std/assert";
import { Philox } from "../../../engine/core/random.ts";
import type { Device } from "../../../engine/device/device.ts";
import { ParamStore } from "../../../engine/params/param_store.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { chosenPairs } from "../../../kernels/moe/expert_choice/mod.ts";
import type { EcDitConfig, TcDitConfig } from "../../../models/choice/config.ts";
import { ExpertChoiceMoe } from "../../../models/choice/expert_choice_moe.ts";
import { ECDIT_NANO, TCDIT_NANO } from "../../../models/choice/presets.ts";
import { TcDit } from "../../../models/choice/tcdit.ts";
import { TokenChoiceMoe } from "../../../models/choice/token_choice_moe.ts";
import type { DitLayer } from "../../../models/dit/block.ts";
import type { DitModelConfig } from "../../../models/dit/config.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;
const [BATCH, TOKENS, HIDDEN, EXPERTS] = [3, 9, 8, 4];

const small = <M extends DitModelConfig>(model: M): M => ({ ...model, hidden_size: HIDDEN, mlp_ratio: 2 });
const TOKEN: TcDitConfig = {
  ...TCDIT_NANO,
  model: small(TCDIT_NANO.model),
  moe: { ...TCDIT_NANO.moe, num_experts: EXPERTS, capacity: 2 },
};
const EXPERT: EcDitConfig = {
  ...ECDIT_NANO,
  model: small(ECDIT_NANO.model),
  moe: { ...ECDIT_NANO.moe, num_experts: EXPERTS, capacity: 1.5 },
};

/** A layer with values and inputs, and its router's scores from loops. */
function setUp<L extends DitLayer>(device: Device, build: (params: ParamStore) => L, gate: string) {
  const params = new ParamStore();
  const layer = build(params);
  params.allocate(device);
  params.initialize(3);
  const weight = new Philox(11, 1).normals(EXPERTS * HIDDEN);
  params.all.find(({ name }) => name === gate)!.tensor.write(weight);
  const values = new Philox(11, 2).normals(BATCH * TOKENS * HIDDEN);
  const x = device.tensor([BATCH, TOKENS, HIDDEN], values);
  const scores = Array.from({ length: BATCH * TOKENS }, (_, t) => {
    const logits = Array.from({ length: EXPERTS }, (_, e) => {
      let sum = 0;
      for (let d = 0; d < HIDDEN; d++) sum += values[t * HIDDEN + d] * weight[e * HIDDEN + d];
      return sum;
    });
    const all = logits.reduce((total, logit) => total + Math.exp(logit), 0);
    return logits.map((logit) => Math.exp(logit) / all);
  });
  return { layer, x, scores, [Symbol.dispose]: () => params[Symbol.dispose]() };
}

const close = (got: ArrayLike<number>, want: readonly number[]) =>
  assert(want.every((value, i) => Math.abs(got[i] - value) < 1e-5), `${Array.from(got)} for ${want}`);

deviceTest(
  ALL,
  "`TokenChoiceMoe` gives each token its best experts, with their scores as weights",
  async (device) => {
    using _scope = device.scope();
    using setup = setUp(device, (params) => new TokenChoiceMoe(params.root, TOKEN), "gate.weight");
    const { routing } = setup.layer.forward(setup.x);
    const best = setup.scores.map((row) =>
      [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, 2).sort((a, b) => a - b)
    );
    assertEquals([...await routing!.indices!.read()], best.flat());
    close(
      await routing!.weights!.read(),
      best.flatMap((experts, t) => experts.map((e) => setup.scores[t][e])),
    );
    const counts = [...await routing!.counts.read()];
    assertEquals(counts.reduce((sum, count) => sum + count), 2 * BATCH * TOKENS);
    const loss = setup.scores.reduce(
      (sum, row) => sum + row.reduce((own, score, e) => own + score * counts[e], 0),
      0,
    );
    const pairs = 2 * BATCH * TOKENS;
    close(await routing!.auxiliary!().read(), [0.01 * EXPERTS * loss / (BATCH * TOKENS * pairs)]);
  },
);

deviceTest(ALL, "`ExpertChoiceMoe` gives each expert its best tokens of every image", async (device) => {
  using _scope = device.scope();
  using setup = setUp(device, (params) => new ExpertChoiceMoe(params.root, EXPERT), "gate_weight");
  const { routing } = setup.layer.forward(setup.x);
  const limit = Math.trunc(TOKENS / EXPERTS * 1.5);
  assertEquals([...await routing!.counts.read()], Array(EXPERTS).fill(BATCH * limit));
  const chosen = await chosenPairs(routing!.choice!);
  for (let b = 0; b < BATCH; b++) {
    for (let e = 0; e < EXPERTS; e++) {
      const own = Array.from({ length: TOKENS }, (_, t) => b * TOKENS + t);
      const best = own.toSorted((s, t) => setup.scores[t][e] - setup.scores[s][e]).slice(0, limit);
      const got = own.filter((t) => chosen[t * EXPERTS + e] === 1);
      assertEquals(got, best.sort((s, t) => s - t), `expert ${e} of image ${b}`);
    }
  }
});

deviceTest(["cpu"], "an image of `ExpertChoiceMoe` does not see the others of its batch", async (device) => {
  using _scope = device.scope();
  using setup = setUp(device, (params) => new ExpertChoiceMoe(params.root, EXPERT), "gate_weight");
  const size = TOKENS * HIDDEN;
  const first = (await setup.x.read()).slice(0, size) as Float32Array<ArrayBuffer>;
  const alone = setup.layer.forward(device.tensor([1, TOKENS, HIDDEN], first)).out;
  close(await setup.layer.forward(setup.x).out.read(), [...await alone.read()]);
});

deviceTest(
  ["cpu"],
  "`TcDit` has its balance loss only while training, and only where it has a weight",
  (device) => {
    using _scope = device.scope();
    const lossOf = (alpha: number, trains: boolean): Tensor | undefined => {
      const model = new TcDit({ ...TCDIT_NANO, moe: { ...TCDIT_NANO.moe, aux_loss_alpha: alpha } });
      using params = model.params;
      params.allocate(device);
      const x = device.tensor([1, 3, 32, 32], new Float32Array(3072));
      const [t, y] = [device.tensor([1], new Float32Array(1)), device.tensor([1], new Int32Array(1))];
      const training = { random: device.tensor([3], new Uint32Array(3)), stream: 0 };
      return model.forward(x, t, y, undefined, trains ? training : undefined).auxiliary;
    };
    assertEquals(lossOf(0.01, true)?.shape, []);
    assertEquals(lossOf(0.01, false), undefined);
    assertEquals(lossOf(0, true), undefined);
  },
);
