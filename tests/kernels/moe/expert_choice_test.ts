import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { f32 } from "../../../engine/core/spec.ts";
import type { Limits } from "../../../engine/kernel.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { mul } from "../../../kernels/elementwise/mod.ts";
import { valueAndGradients } from "../../../kernels/grad.ts";
import {
  choiceCrossEntropy,
  chosenPairs,
  countAbove,
  EXPERT_CHOICE,
  expertChoice,
  KTH_LARGEST,
  kthLargest,
  scheduledLimit,
} from "../../../kernels/moe/expert_choice/mod.ts";
import { combine, gather } from "../../../kernels/moe/gather_scatter/mod.ts";
import { groupedMatmul } from "../../../kernels/moe/grouped_matmul/mod.ts";
import { sum } from "../../../kernels/reduce/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;
const numbers = async (tensor: Tensor): Promise<number[]> => [...await tensor.read()];

deviceTest(ALL, "`expertChoice()` gives the worked example of its card", async (device) => {
  using _scope = device.scope();
  const scores = device.tensor([4, 2], Float32Array.of(0.9, 0.1, 0.6, 0.4, 0.2, 0.8, 0.6, 0.4));
  const plan = expertChoice(scores, device.tensor([2], Float32Array.of(2, 1)), {
    groups: 1,
    most: 2,
    tile: 2,
  });
  assertEquals([plan.tokens, plan.topk, plan.experts, plan.tile, plan.rows], [4, 2, 2, 2, 6]);
  assertEquals(await numbers(plan.counts), [2, 1]);
  assertEquals(await numbers(plan.offsets), [0, 2, 4]);
  assertEquals(await numbers(plan.row), [0, 5, 1, 5, 5, 2, 5, 5]);
  assertEquals(await numbers(plan.slot), [0, 2, 5, -1, -1, -1]);
  assertEquals(await numbers(plan.tileExpert), [0, 1, -1]);
  assertEquals([...await chosenPairs(plan)], [1, 0, 1, 0, 0, 1, 0, 0]);
});

/** Each expert's weight on each token it took, from loops: what the plan's kernels must add up to. */
function byHand(x: Float32Array, scores: Float32Array, weight: Float32Array, chosen: Float32Array): number[] {
  const [T, E, D] = [chosen.length / 3, 3, x.length / (chosen.length / 3)];
  return Array.from({ length: T * D }, (_, i) => {
    const [t, d] = [Math.floor(i / D), i % D];
    let out = 0;
    for (let e = 0; e < E; e++) {
      if (chosen[t * E + e] === 0) continue;
      for (let k = 0; k < D; k++) out += scores[t * E + e] * weight[(e * D + d) * D + k] * x[t * D + k];
    }
    return out;
  });
}

deviceTest(
  ALL,
  "the experts of `expertChoice()` add up what they make of the tokens that they took",
  async (device) => {
    using _scope = device.scope();
    const [T, E, D] = [38, 3, 8];
    const draw = (stream: number, size: number) => new Philox(5, stream).normals(size);
    const values = { x: draw(1, T * D), scores: draw(2, T * E), weight: draw(3, E * D * D) };
    const x = device.tensor([T, D], values.x);
    const scores = device.tensor([T, E], values.scores);
    const weight = device.tensor([E, D, D], values.weight);
    const attrs = { groups: 2, most: 9, tile: device.backend.groupedTileRows };
    const plan = expertChoice(scores, device.tensor([E], Float32Array.of(9, 0, 5)), attrs);
    const out = () => combine(groupedMatmul(gather(x, plan), weight, plan), scores, plan);
    const want = byHand(values.x, values.scores, values.weight, await chosenPairs(plan));
    const got = await numbers(out());
    assert(
      got.every((value, i) => Math.abs(value - want[i]) < 1e-4),
      `${got.slice(0, 8)} for ${want.slice(0, 8)}`,
    );
    const { gradients } = valueAndGradients([scores, weight], () => sum(mul(out(), out())));
    const [dScores, dWeight] = [await numbers(gradients[0]!), await numbers(gradients[1]!)];
    const chosen = await chosenPairs(plan);
    assert(
      dScores.every((value, i) => (value !== 0) === (chosen[i] === 1)),
      "only chosen pairs have a gradient",
    );
    assert(
      dWeight.every((value, i) => (value !== 0) === (Math.floor(i / (D * D)) !== 1)),
      "expert 1 took no token",
    );
  },
);

deviceTest(
  ALL,
  "`expertChoice()` takes none where all limits are 0, and all where they are T",
  async (device) => {
    using _scope = device.scope();
    const scores = device.tensor([5, 2], new Philox(6, 1).normals(10));
    for (const limit of [0, 5]) {
      const plan = expertChoice(scores, device.tensor([2], new Float32Array(2).fill(limit)), {
        groups: 1,
        most: 5,
        tile: 4,
      });
      assertEquals(await numbers(plan.counts), [limit, limit]);
      assertEquals([...await chosenPairs(plan)], Array(10).fill(limit === 0 ? 0 : 1));
    }
  },
);

deviceTest(
  ALL,
  "`kthLargest()`, `countAbove()` and `scheduledLimit()` give what they say",
  async (device) => {
    using _scope = device.scope();
    const x = device.tensor([4, 2], Float32Array.of(1, -1, 3, -3, 2, -2, 2, -4));
    assertEquals(await numbers(kthLargest(x, device.tensor([2], Float32Array.of(3, 0)))), [2, -1]);
    assertEquals(await numbers(countAbove(x, device.tensor([2], Float32Array.of(2, -5)))), [1, 4]);
    const limits: number[][] = [];
    for (const step of [0, 2, 3, 6, 7]) {
      const counter = device.tensor([1], Uint32Array.of(step));
      limits.push(await numbers(scheduledLimit(counter, { most: 16, least: 4, begin: 2, end: 6 }, 2)));
    }
    assertEquals(limits.map(([first, second]) => first === second), Array(5).fill(true));
    assertEquals(limits.map(([first]) => Math.trunc(first + 1e-3)), [16, 16, 13, 4, 4]);
  },
);

deviceTest(
  ALL,
  "`choiceCrossEntropy()` is log 2 for logits of 0, and finite for the largest",
  async (device) => {
    using _scope = device.scope();
    const scores = device.tensor([4, 2], new Philox(6, 2).normals(8));
    const plan = expertChoice(scores, device.tensor([2], Float32Array.of(2, 2)), {
      groups: 1,
      most: 2,
      tile: 4,
    });
    const at = async (logits: Float32Array) =>
      (await choiceCrossEntropy(device.tensor([4, 2], Float32Array.from(logits)), plan).read())[0];
    assert(Math.abs(await at(new Float32Array(8)) - Math.LN2) < 1e-6);
    const sure = (await chosenPairs(plan)).map((chosen) => chosen === 1 ? 1e4 : -1e4);
    assertEquals(await at(sure), 0);
    assertEquals(await at(sure.map((logit) => -logit)), 1e4);
  },
);

Deno.test("`expertChoice()` refuses shapes and attributes that do not fit", () => {
  const attrs = { groups: 1, most: 4, tile: 8 };
  const wrong: readonly [() => unknown, string][] = [
    [
      () => EXPERT_CHOICE.infer([f32(8, 4), f32(3)], attrs),
      "f32[T, E] and f32[E] with E up to 256 are wanted",
    ],
    [
      () => EXPERT_CHOICE.infer([f32(8, 257), f32(257)], attrs),
      "f32[T, E] and f32[E] with E up to 256 are wanted",
    ],
    [() => EXPERT_CHOICE.infer([f32(8, 4), f32(4)], { ...attrs, groups: 3 }), "got 8 tokens in 3 groups"],
    [
      () => EXPERT_CHOICE.infer([f32(8, 4), f32(4)], { ...attrs, most: 9 }),
      "most must be a whole number from 1 to 8, got 9",
    ],
    [
      () => EXPERT_CHOICE.infer([f32(8, 4), f32(4)], { ...attrs, most: 0 }),
      "most must be a whole number from 1 to 8, got 0",
    ],
    [() => EXPERT_CHOICE.infer([f32(8, 4), f32(4)], { ...attrs, tile: 0 }), "tile must be a whole number"],
    [() => KTH_LARGEST.infer([f32(8, 4), f32(5)], {}), "Cannot kth_largest f32[8, 4], f32[5]"],
  ];
  for (const [body, message] of wrong) assertThrows(body, ShapeError, message);
});

Deno.test("`expert_choice` has a workgroup for every column, above 65,535 too", () => {
  const limits = { maxComputeWorkgroupsPerDimension: 65_535 } as Limits;
  const { launches: [{ groups }] } = EXPERT_CHOICE.webgpu([f32(8192, 16), f32(16)], {
    groups: 8192,
    most: 1,
    tile: 8,
  }, limits);
  assert(groups.every((count) => count <= 65_535) && groups[0] * groups[1] >= 8192 * 16, `${groups}`);
});
