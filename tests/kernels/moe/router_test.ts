import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { f32 } from "../../../engine/core/spec.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { moeReference } from "../../../kernels/moe/moe_reference.ts";
import { ROUTE, route, type RouteAttrs } from "../../../kernels/moe/router/mod.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";
import { relativeError } from "../tolerance.ts";
import { fixtureNames, readFixture } from "./fixture.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

for (const name of fixtureNames("router_")) {
  deviceTest(ALL, `\`route()\` gives the golden choice, weights and gradient of ${name}`, async (device) => {
    using _scope = device.scope();
    const { args, tensors } = await readFixture(name);
    const load = (key: string) => device.tensor(tensors.get(key)!.shape, tensors.get(key)!.data);
    const want = (key: string) => tensors.get(key)!.data;
    const attrs: RouteAttrs = {
      groups: args.n_group,
      topkGroups: args.topk_group,
      topk: args.num_experts_per_tok,
      scaling: args.routed_scaling_factor,
      normalize: args.norm_topk_prob,
    };
    const logits = load("in.logits");
    const { indices, weights } = route(logits, load("in.e_score_correction_bias"), attrs);
    assertEquals(await indices.read(), want("out.topk_indices"));
    const [most, mostGradient] = device.kind === "webgpu" ? [2e-5, 2e-5] : [2e-6, 2e-6];
    assert(relativeError(await weights.read(), want("out.topk_weights")) <= most);
    const { gradients } = valueAndGradients([logits], () => {
      const again = route(logits, load("in.e_score_correction_bias"), attrs);
      return sum(mul(again.weights, load("in.grad_weights")));
    });
    assert(relativeError(await gradients[0]!.read(), want("grad.in.logits")) <= mostGradient);
  });
}

const PLAIN: RouteAttrs = { groups: 1, topkGroups: 1, topk: 2, scaling: 1, normalize: true };

deviceTest(ALL, "`route()` chooses as the slow loop over tokens when groups are dropped", async (device) => {
  using _scope = device.scope();
  const [T, E] = [203, 24];
  const attrs: RouteAttrs = { groups: 6, topkGroups: 2, topk: 9, scaling: 1.5, normalize: true };
  const logits = new Philox(21, 1).normals(T * E);
  const bias = new Philox(21, 2).normals(E);
  const want = moeReference({
    x: new Float64Array(T),
    logits,
    bias,
    width: 1,
    attrs,
    expert: (_e, token) => token,
  });
  const { indices, weights } = route(device.tensor([T, E], logits), device.tensor([E], bias), attrs);
  assertEquals(await indices.read(), want.indices);
  assert(relativeError(await weights.read(), Float32Array.from(want.weights)) <= 2e-6);
});

deviceTest(ALL, "`route()` prefers the lower index when scores are equal", async (device) => {
  using _scope = device.scope();
  const logits = device.tensor([1, 6], new Float32Array([1, 2, 1, 2, 2, 1]));
  const bias = device.tensor([6], new Float32Array(6));
  assertEquals([...await route(logits, bias, PLAIN).indices.read()], [1, 3]);
  assertEquals([...await route(logits, bias, { ...PLAIN, topk: 4 }).indices.read()], [0, 1, 3, 4]);
});

deviceTest(ALL, "`route()` leaves a single weight unnormalised", async (device) => {
  using _scope = device.scope();
  const logits = device.tensor([1, 3], new Float32Array([0, -1, -2]));
  const { weights } = route(logits, device.tensor([3], new Float32Array(3)), {
    ...PLAIN,
    topk: 1,
    scaling: 3,
  });
  assertEquals([...await weights.read()], [1.5]);
});

deviceTest(ALL, "`route()` gives different experts in range when logits are not finite", async (device) => {
  using _scope = device.scope();
  const row = [NaN, Infinity, -Infinity, NaN, 0, NaN, NaN, 1];
  const logits = device.tensor([2, 8], new Float32Array([...row, ...new Array(8).fill(NaN)]));
  const attrs = { ...PLAIN, groups: 4, topkGroups: 2, topk: 5 };
  const indices = await route(logits, device.tensor([8], new Float32Array(8)), attrs).indices.read();
  for (const chosen of [indices.slice(0, 5), indices.slice(5)]) {
    assert(chosen.every((e, k) => e >= 0 && e < 8 && (k === 0 || e > chosen[k - 1])), `got ${chosen}`);
  }
});

Deno.test("`route()` names what is wrong when attributes do not fit", () => {
  const infer = (experts: number, attrs: Partial<RouteAttrs>, bias = experts) =>
    ROUTE.infer([f32(3, experts), f32(bias)], { ...PLAIN, ...attrs });
  const refuse = (wanted: string, experts: number, attrs: Partial<RouteAttrs>, bias = experts) =>
    assertThrows(() => infer(experts, attrs, bias), ShapeError, wanted);
  refuse("groups must divide the experts, got 16 experts in 3 groups", 16, { groups: 3 });
  refuse("at least two experts, got 4 experts in 4 groups", 4, { groups: 4 });
  refuse("topk must be a whole number from 1 to 4 (the experts), got 5", 4, { topk: 5 });
  refuse("topkGroups must be a whole number from 1 to 2 (the groups), got 3", 8, {
    groups: 2,
    topkGroups: 3,
  });
  refuse("experts must be a whole number from 1 to 256, got 257", 257, {});
  refuse("the bias must be f32[8]", 8, {}, 7);
  refuse("scaling must be a finite number, got NaN", 8, { scaling: NaN });
  assertEquals(infer(16, { groups: 8, topkGroups: 1 }).length, 2);
});
