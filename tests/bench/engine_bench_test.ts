import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { benchGroup, type LineResult } from "../../bench/engine_bench.ts";
import { chosenGroups } from "../../bench/engine_command.ts";
import {
  advantageOver,
  elementLayout,
  layoutOf,
  markdownHead,
  markdownRow,
  scalingOf,
  speedLayout,
} from "../../bench/engine_report.ts";
import { type Group, GROUPS } from "../../bench/groups.ts";
import { kernelJob } from "../../bench/jobs.ts";
import type { Peer } from "../../bench/peers/peer.ts";
import { ConfigError } from "../../engine/core/errors.ts";
import { f32 } from "../../engine/core/spec.ts";
import { ELEMENTWISE } from "../../kernels/elementwise/mod.ts";
import { available } from "../devices.ts";

const LINE: LineResult = {
  name: "work",
  flops: 8e9,
  elements: 1e6,
  threads: [
    { threads: 1, milliseconds: 200, gflops: 40, peak: 50, tilePeak: 45 },
    { threads: 2, milliseconds: 100, gflops: 80, peak: 100, tilePeak: 100 },
  ],
  peers: { other: 350 },
};

Deno.test("the tables show speed, share of the peaks, scaling, and the lead over peers", () => {
  assertEquals([scalingOf(LINE), advantageOver("other", LINE)], [2, 3.5]);
  const speed = speedLayout([1, 2], ["other", "absent"]);
  assertEquals(speed.cells(LINE), [
    ...["work", "200", "40.0", "80%", "89%", "100", "80.0", "80%", "80%", "2.00x", "3.50x", "-"],
  ]);
  assertEquals(speed.columns.length, speed.cells(LINE).length);
  const elements = elementLayout([1, 2], ["other"]);
  assertEquals(elements.cells(LINE).slice(0, 3), ["work", "200.00", "40.0"]);
  assertEquals(elements.columns.length, elements.cells(LINE).length);
  const lines = [markdownHead(speed.columns), markdownRow(speed.cells(LINE), speed.columns)].join("\n").split(
    "\n",
  );
  assertEquals(new Set(lines.map((line) => line.length)).size, 1);
  assertEquals(new Set(lines.map((line) => line.split("|").length)).size, 1);
});

Deno.test("`layoutOf()` counts elements in the group of row kernels, operations elsewhere", () => {
  const columns = (name: string) => layoutOf({ ...GROUPS[0], name }, [1], []).columns[1];
  assertEquals([columns("rows"), columns("gemm")], ["ns 1t", "ms 1t"]);
});

Deno.test("`chosenGroups()` takes names, all but the long grid unless told, and refuses others", () => {
  const names = (list?: string) => chosenGroups(list, GROUPS).map(({ name }) => name);
  assertEquals(names("steps, gemm-grid"), ["steps", "gemm-grid"]);
  assertEquals(names(), GROUPS.map(({ name }) => name).filter((name) => name !== "gemm-grid"));
  const { message } = assertThrows(() => chosenGroups("gems", GROUPS), ConfigError);
  assertMatch(message, /^Cannot find group "gems": wanted one of gemm, /);
});

Deno.test("every group has entries with names of their own, and the grid has all sizes", () => {
  for (const { name, entries } of GROUPS) {
    const names = entries().map(({ job }) => job.name);
    assert(names.length > 0, name);
    assertEquals(new Set(names).size, names.length, name);
  }
  assertEquals(GROUPS.find(({ name }) => name === "gemm-grid")!.entries().length, 2 * 4 * 4 * 3);
});

Deno.test({
  name: "`benchGroup()` times this engine with its peaks, and a peer on the same work [cpu]",
  ignore: !available.cpu,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const timed = () => ({ name: "still", round: () => Promise.resolve(7), [Symbol.dispose]() {} });
    const peer = { name: "still", version: "0", rows: timed } as unknown as Peer;
    const job = kernelJob("exp", ELEMENTWISE.exp, [f32(8, 16)]);
    const group: Group = {
      name: "rows",
      title: "Rows",
      entries: () => [{ job, elements: 128, peer: (peer) => peer.rows("exp", 8, 16) }, { job }],
    };
    const seen: LineResult[] = [];
    const options = { threads: [1, 2], peers: [peer], rounds: 1, budget: 0.1 };
    const lines = await benchGroup(group, { ...options, onLine: (line) => seen.push(line) });
    assertEquals(lines, seen);
    assertEquals(lines.map(({ peers }) => peers), [{ still: 7 }, {}]);
    for (const { threads } of lines) {
      assertEquals(threads.map((result) => result.threads), [1, 2]);
      for (const { milliseconds, gflops, peak, tilePeak } of threads) {
        for (const value of [milliseconds, gflops, peak, tilePeak]) assert(value > 0 && value < Infinity);
      }
    }
  },
});
