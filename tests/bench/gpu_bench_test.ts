import { assert, assertEquals } from "@std/assert";
import { gpuCells, gpuColumns } from "../../bench/engine_report.ts";
import { benchGpuGroup, ENGINE, type GpuLine } from "../../bench/gpu_bench.ts";
import { GPU_GROUPS, type Group } from "../../bench/groups.ts";
import { kernelJob } from "../../bench/jobs.ts";
import { type Peer, queued } from "../../bench/peers/peer.ts";
import { f32 } from "../../engine/core/spec.ts";
import { ELEMENTWISE } from "../../kernels/elementwise/mod.ts";
import { deviceTest } from "../devices.ts";

Deno.test("tables of the webgpu device show each peer's time, its first, and this engine's lead", () => {
  const line: GpuLine = {
    name: "work",
    flops: 8e9,
    contenders: {
      [ENGINE]: { first: 1234.5, milliseconds: 200 },
      other: { first: 3000, milliseconds: 350 },
    },
  };
  const columns = gpuColumns(["other", "absent"]);
  const cells = gpuCells(line, ["other", "absent"]);
  assertEquals(cells, ["work", "200", "40.00", "1235", "350", "3000", "1.75x", "-", "-", "-"]);
  assertEquals(columns.length, cells.length);
});

Deno.test("every group of the webgpu device has entries with names of their own", () => {
  for (const { name, entries } of GPU_GROUPS) {
    const names = entries().map(({ job }) => job.name);
    assert(names.length > 0, name);
    assertEquals(new Set(names).size, names.length, name);
  }
});

Deno.test("`queued()` calls as often as fills its budget, and waits once a round for all", async () => {
  const waits: number[] = [];
  let dropped = 0;
  const contender = queued(
    "peer",
    20,
    () => 1,
    async (results) => {
      waits.push(results.length);
      await new Promise((resolve) => setTimeout(resolve, 2));
    },
    () => dropped++,
    () => {},
  );
  for (let round = 0; round < 3; round++) assert(await contender.round() > 0);
  assertEquals(waits[0], 1);
  assert(waits[1] > 1, `${waits}`);
  assertEquals(dropped, waits.reduce((sum, count) => sum + count));
});

deviceTest(["reference", "webgpu"], "`benchGpuGroup()` times this engine beside a peer", async (device) => {
  const timed = () => ({ name: "still", round: () => Promise.resolve(7), [Symbol.dispose]() {} });
  const peer = { name: "still", version: "0", rows: timed } as unknown as Peer;
  const job = kernelJob("exp", ELEMENTWISE.exp, [f32(8, 16)]);
  const group: Group = {
    name: "rows",
    title: "Rows",
    entries: () => [{ job, peer: (peer) => peer.rows("exp", 8, 16) }, { job }],
  };
  const lines = await benchGpuGroup(device, group, { peers: [peer], rounds: 1, budget: 0.1 });
  assertEquals(lines.map(({ contenders }) => Object.keys(contenders)), [[ENGINE, "still"], [ENGINE]]);
  assertEquals(lines[0].contenders.still.milliseconds, 7);
  for (const { contenders } of lines) {
    assert(contenders[ENGINE].milliseconds > 0 && contenders[ENGINE].first > 0);
  }
});
