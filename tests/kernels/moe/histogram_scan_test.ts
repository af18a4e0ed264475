import { assert, assertEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../../engine/core/errors.ts";
import { Philox } from "../../../engine/core/random.ts";
import { i32 } from "../../../engine/core/spec.ts";
import type { Kernel } from "../../../engine/kernel.ts";
import {
  DISPATCH,
  dispatch,
  type DispatchPlan,
  dispatchRows,
} from "../../../kernels/moe/histogram_scan/mod.ts";
import { deviceTest } from "../../devices.ts";

const ALL = ["reference", "cpu", "webgpu"] as const;

/** Every way to write `total` as a sum of `parts` whole numbers. */
function* spreads(total: number, parts: number): Generator<number[]> {
  if (parts === 1) return yield [total];
  for (let first = 0; first <= total; first++) {
    for (const rest of spreads(total - first, parts - 1)) yield [first, ...rest];
  }
}

Deno.test("`dispatchRows()` is the largest number of rows that any spread of the pairs needs", () => {
  for (const tile of [1, 2, 3, 4, 7]) {
    for (const experts of [1, 2, 3, 4]) {
      for (let pairs = 1; pairs <= 9; pairs++) {
        let most = 0;
        for (const counts of spreads(pairs, experts)) {
          most = Math.max(most, counts.reduce((rows, c) => rows + tile * Math.ceil(c / tile), 0));
        }
        assertEquals(
          dispatchRows(pairs, experts, tile),
          most,
          `${pairs} pairs, ${experts} experts, tile ${tile}`,
        );
      }
    }
  }
});

async function read(plan: DispatchPlan): Promise<Record<string, number[]>> {
  const { counts, offsets, row, slot, tileExpert } = plan;
  const entries = Object.entries({ counts, offsets, row, slot, tileExpert });
  return Object.fromEntries(
    await Promise.all(
      entries.map(async ([name, tensor]) => [name, [...await tensor.read()]] as [string, number[]]),
    ),
  );
}

deviceTest(ALL, "`dispatch()` gives the worked example of the MoE card", async (device) => {
  using _scope = device.scope();
  const indices = device.tensor([6, 2], new Int32Array([0, 2, 0, 1, 2, 3, 0, 2, 0, 2, 0, 2]));
  const plan = dispatch(indices, 4, 4);
  assertEquals([plan.tokens, plan.topk, plan.experts, plan.tile, plan.rows], [6, 2, 4, 4, 24]);
  assertEquals(await read(plan), {
    counts: [5, 1, 5, 1],
    offsets: [0, 8, 12, 20, 24],
    row: [0, 12, 1, 8, 13, 20, 2, 14, 3, 15, 4, 16],
    slot: [0, 2, 6, 8, 10, -1, -1, -1, 3, -1, -1, -1, 1, 4, 7, 9, 11, -1, -1, -1, 5, -1, -1, -1],
    tileExpert: [0, 0, 1, 2, 2, 3],
  });
});

deviceTest(ALL, "`dispatch()` keeps the order of the pairs within each expert", async (device) => {
  using _scope = device.scope();
  const [T, K, E, tile] = [1501, 3, 48, 16];
  const data = Int32Array.from(new Philox(31, 1).integers(T * K, E));
  const plan = dispatch(device.tensor([T, K], data), E, tile);
  const { counts, offsets, row, slot, tileExpert } = await read(plan);
  for (let e = 0; e < E; e++) {
    const pairs = [...data.keys()].filter((pair) => data[pair] === e);
    assertEquals(counts[e], pairs.length);
    assertEquals(slot.slice(offsets[e], offsets[e] + counts[e]), pairs);
    assertEquals(slot.slice(offsets[e] + counts[e], offsets[e + 1]).every((pair) => pair === -1), true);
    assertEquals(offsets[e] % tile, 0);
  }
  assert(slot.slice(offsets[E]).every((pair) => pair === -1));
  row.forEach((r, pair) => assertEquals(slot[r], pair));
  tileExpert.forEach((e, i) => {
    const owner = offsets.findIndex((_, k) => k < E && offsets[k] <= i * tile && i * tile < offsets[k + 1]);
    assertEquals(e, owner);
  });
});

deviceTest(
  ["webgpu"],
  "`dispatch()` works when the grid needs a second dimension",
  async (device, oracle) => {
    const narrow: Kernel<{ experts: number; tile: number }> = {
      ...DISPATCH,
      webgpu: (inputs, attrs, limits) =>
        DISPATCH.webgpu(inputs, attrs, { ...limits, maxComputeWorkgroupsPerDimension: 3 }),
    };
    using _scope = device.scope();
    const data = Int32Array.from(new Philox(32, 1).integers(4000, 7));
    const got = device.execute(narrow, [device.tensor([2000, 2], data)], { experts: 7, tile: 32 });
    const want = oracle.execute(DISPATCH, [oracle.tensor([2000, 2], data)], { experts: 7, tile: 32 });
    for (const [i, tensor] of want.entries()) assertEquals(await got[i].read(), await tensor.read());
  },
);

Deno.test("`dispatch()` names what is wrong when sizes do not fit", () => {
  const infer = (shape: number[], experts: number, tile: number) =>
    DISPATCH.infer([i32(...shape)], { experts, tile });
  assertThrows(() => infer([6], 4, 4), ShapeError, "indices must be i32[tokens, topk]");
  assertThrows(
    () => infer([6, 2], 300, 4),
    ShapeError,
    "experts must be a whole number from 1 to 256, got 300",
  );
  assertThrows(() => infer([6, 2], 4, 0), ShapeError, "the tile must be a whole number of at least 1, got 0");
});
