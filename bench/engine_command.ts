import { type CommandLine, say } from "../cli/command.ts";
import { ConfigError } from "../engine/core/errors.ts";
import { benchGroup, type EngineBenchOptions, type LineResult } from "./engine_bench.ts";
import { layoutOf, markdownHead, markdownRow } from "./engine_report.ts";
import { type Group, GROUPS } from "./groups.ts";
import { openJax } from "./peers/jax.ts";
import type { Peer } from "./peers/peer.ts";
import { openTfjs } from "./peers/tfjs.ts";

const ROUNDS = 7;
const BUDGET = 25;
/** Too long for every run: 96 lines. */
const ON_DEMAND = "gemm-grid";

/** Runs `deno task bench --device cpu`: prints one Markdown table a group, or one JSON document. */
export async function benchEngine(line: CommandLine): Promise<void> {
  const groups = chosenGroups(line.text("groups"));
  const json = line.has("json");
  const rounds = line.number("rounds", 1, true) ?? ROUNDS;
  const most = line.number("threads", 1, true) ?? navigator.hardwareConcurrency;
  const threads = most === 1 ? [1] : [1, most];
  const peers = line.has("peers") ? await openPeers() : [];
  const options: EngineBenchOptions = { threads, peers, rounds, budget: BUDGET };
  const about = describe(peers);
  if (!json) say(Object.entries(about).map(([name, value]) => `${name}: ${value}`).join("\n"));
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

/**
 * The groups of a list of names.
 *
 * @throws {ConfigError} for a name that there is not
 */
export function chosenGroups(list: string | undefined): readonly Group[] {
  if (list === undefined) return GROUPS.filter(({ name }) => name !== ON_DEMAND);
  return list.split(",").map((text) => {
    const wanted = text.trim();
    const group = GROUPS.find(({ name }) => name === wanted);
    if (group) return group;
    const known = GROUPS.map(({ name }) => name).join(", ");
    throw new ConfigError(`Cannot find group "${wanted}": wanted one of ${known}`);
  });
}

async function openPeers(): Promise<readonly Peer[]> {
  return [await openJax(BUDGET), await openTfjs(BUDGET)];
}

function describe(peers: readonly Peer[]): Record<string, string> {
  return {
    device: `cpu, ${Deno.build.arch}, ${navigator.hardwareConcurrency} cores`,
    deno: `${Deno.version.deno}, V8 ${Deno.version.v8}`,
    date: new Date().toISOString().slice(0, 10),
    ...peers.length > 0 ? { peers: peers.map(({ version }) => version).join("; ") } : {},
  };
}
