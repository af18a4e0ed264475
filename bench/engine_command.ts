import { type CommandLine, say } from "../cli/command.ts";
import { ConfigError } from "../engine/core/errors.ts";
import { openDevice } from "../engine/device/open.ts";
import { benchGroup, type EngineBenchOptions, type LineResult } from "./engine_bench.ts";
import { gpuCells, gpuColumns, layoutOf, markdownHead, markdownRow } from "./engine_report.ts";
import { benchGpuGroup, type GpuLine } from "./gpu_bench.ts";
import { GPU_GROUPS, type Group, GROUPS } from "./groups.ts";
import { openJax } from "./peers/jax.ts";
import type { Peer, PeerBackend } from "./peers/peer.ts";
import { openTfjs } from "./peers/tfjs.ts";

const ROUNDS = 7;
const BUDGET = 25;
/** Waiting for the queue costs about 12 ms in Deno. */
const GPU_BUDGET = 300;
/** Too long for every run: 96 lines. */
const ON_DEMAND = "gemm-grid";

/** Runs `deno task bench --device cpu`: prints one Markdown table a group, or one JSON document. */
export async function benchEngine(line: CommandLine): Promise<void> {
  const groups = chosenGroups(line.text("groups"), GROUPS);
  const json = line.has("json");
  const rounds = line.number("rounds", 1, true) ?? ROUNDS;
  const most = line.number("threads", 1, true) ?? navigator.hardwareConcurrency;
  const threads = most === 1 ? [1] : [1, most];
  const peers = line.has("peers") ? await openPeers("wasm", BUDGET) : [];
  const options: EngineBenchOptions = { threads, peers, rounds, budget: BUDGET };
  const about = describe(`cpu, ${Deno.build.arch}, ${navigator.hardwareConcurrency} cores`, peers);
  if (!json) sayAbout(about);
  const results: Record<string, readonly LineResult[]> = {};
  for (const group of groups) results[group.name] = await runGroup(group, options, json);
  if (json) say(JSON.stringify({ ...about, results }, null, 2));
}

async function runGroup(group: Group, options: EngineBenchOptions, json: boolean): Promise<LineResult[]> {
  if (json) return await benchGroup(group, options);
  const { columns, cells } = layoutOf(group, options.threads, options.peers.map(({ name }) => name));
  say(`\n## ${group.title}\n\n${markdownHead(columns)}`);
  return await benchGroup(group, {
    ...options,
    onLine: (result) => say(markdownRow(cells(result), columns)),
  });
}

/** Runs `deno task bench --device webgpu --groups ...`, or with peers: tables of whole work, compilation apart. */
export async function benchGpu(line: CommandLine): Promise<void> {
  const groups = chosenGroups(line.text("groups"), GPU_GROUPS);
  const json = line.has("json");
  const peers = line.has("peers") ? await openPeers("webgpu", GPU_BUDGET) : [];
  const names = peers.map(({ name }) => name);
  const options = { peers, rounds: line.number("rounds", 1, true) ?? ROUNDS, budget: GPU_BUDGET };
  using device = await openDevice("webgpu", { gpu: line.text("gpu") });
  const about = describe(`webgpu, ${device.backend.description}`, peers);
  if (!json) sayAbout(about);
  const results: Record<string, readonly GpuLine[]> = {};
  for (const group of groups) {
    const columns = gpuColumns(names);
    if (!json) say(`\n## ${group.title}\n\n${markdownHead(columns)}`);
    const onLine = (result: GpuLine) => json || say(markdownRow(gpuCells(result, names), columns));
    results[group.name] = await benchGpuGroup(device, group, options, onLine);
  }
  if (json) say(JSON.stringify({ ...about, results }, null, 2));
}

/**
 * The groups of a list of names.
 *
 * @throws {ConfigError} for a name that there is not
 */
export function chosenGroups(list: string | undefined, groups: readonly Group[]): readonly Group[] {
  if (list === undefined) return groups.filter(({ name }) => name !== ON_DEMAND);
  return list.split(",").map((text) => {
    const wanted = text.trim();
    const group = groups.find(({ name }) => name === wanted);
    if (group) return group;
    const known = groups.map(({ name }) => name).join(", ");
    throw new ConfigError(`Cannot find group "${wanted}": wanted one of ${known}`);
  });
}

async function openPeers(backend: PeerBackend, budget: number): Promise<readonly Peer[]> {
  return [await openJax(budget, backend), await openTfjs(budget, backend)];
}

function sayAbout(about: Readonly<Record<string, string>>): void {
  say(Object.entries(about).map(([name, value]) => `${name}: ${value}`).join("\n"));
}

function describe(device: string, peers: readonly Peer[]): Record<string, string> {
  return {
    device,
    deno: `${Deno.version.deno}, V8 ${Deno.version.v8}`,
    date: new Date().toISOString().slice(0, 10),
    ...peers.length > 0 ? { peers: peers.map(({ version }) => version).join("; ") } : {},
  };
}
